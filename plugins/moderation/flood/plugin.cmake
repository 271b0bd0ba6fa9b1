# What is a letter, a capital or a mark, and how letters are folded, is Unicode's to say: utf8proc.
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::UTF8PROC m)
