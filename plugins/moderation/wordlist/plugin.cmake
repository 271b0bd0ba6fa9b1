# vectorscan finds, utf8proc folds, ICU knows what looks alike; libhs.pc names the folder of hs.h.
pkg_check_modules(VECTORSCAN REQUIRED IMPORTED_TARGET libhs>=5.4)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-i18n>=72)
target_link_libraries(${PLUGIN_TARGET} PRIVATE PkgConfig::VECTORSCAN PkgConfig::UTF8PROC
                                               PkgConfig::ICU)

# bench_wordlist prints what a message costs; it measures the code of a release, in its own program.
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    add_executable(bench_wordlist ${sources} "${PROJECT_SOURCE_DIR}/bench/wordlist/wordlist_bench.c")
    target_compile_definitions(bench_wordlist PRIVATE PARLEY_STATIC_NAME=wordlist)
    target_include_directories(bench_wordlist PRIVATE "${PROJECT_SOURCE_DIR}/sdk/include")
    target_link_libraries(bench_wordlist PRIVATE parley_flags parley_lenient
                          PkgConfig::VECTORSCAN PkgConfig::UTF8PROC PkgConfig::ICU)
    set_target_properties(bench_wordlist PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
endif()
