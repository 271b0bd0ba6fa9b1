pkg_check_modules(LUA REQUIRED IMPORTED_TARGET lua5.4)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::LUA PkgConfig::PCRE2)
