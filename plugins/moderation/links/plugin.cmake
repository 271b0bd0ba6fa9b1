# PCRE2 finds names, ICU spells them as browsers do, libpsl knows the endings that there are.
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.40)
pkg_check_modules(ICU_UC REQUIRED IMPORTED_TARGET icu-uc>=72)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::PCRE2 PkgConfig::ICU_UC PkgConfig::PSL)
