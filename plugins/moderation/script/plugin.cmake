pkg_check_modules(LUA REQUIRED IMPORTED_TARGET lua5.4)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::LUA)
