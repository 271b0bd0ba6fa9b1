# JSON by jansson, signatures by OpenSSL's libcrypto, without the TLS on top.
pkg_check_modules(LIBCRYPTO REQUIRED IMPORTED_TARGET libcrypto>=3.0)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::JANSSON PkgConfig::LIBCRYPTO)
