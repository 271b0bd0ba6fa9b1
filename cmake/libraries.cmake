# What the core links. Everything by pkg-config where Debian has a .pc file; libwebsockets too,
# because its CMake package lists the static and the shared library side by side.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(LWS REQUIRED IMPORTED_TARGET GLOBAL libwebsockets)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET GLOBAL jansson>=2.14)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET GLOBAL inih)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET GLOBAL libcurl)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET GLOBAL openssl>=3.0)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET GLOBAL sqlite3>=3.40)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET GLOBAL liburcu-cds)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET GLOBAL libxxhash)

# libev and uthash have no .pc file.
find_path(EV_INCLUDE_DIR ev.h REQUIRED)
find_library(EV_LIBRARY ev REQUIRED)
find_path(UTHASH_INCLUDE_DIR uthash.h REQUIRED)

add_library(parley_libraries INTERFACE)
target_include_directories(parley_libraries SYSTEM INTERFACE
    "${EV_INCLUDE_DIR}" "${UTHASH_INCLUDE_DIR}")
target_link_libraries(parley_libraries INTERFACE
    PkgConfig::LWS PkgConfig::JANSSON PkgConfig::INIH PkgConfig::CURL PkgConfig::OPENSSL
    PkgConfig::SQLITE PkgConfig::URCU PkgConfig::XXHASH "${EV_LIBRARY}" Threads::Threads ${CMAKE_DL_LIBS} m)
