# vectorscan finds, utf8proc folds, ICU knows what looks alike; libhs.pc names the folder of hs.h.
pkg_check_modules(VECTORSCAN REQUIRED IMPORTED_TARGET libhs>=5.4)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-i18n>=72)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::VECTORSCAN PkgConfig::UTF8PROC
                                               PkgConfig::ICU)
