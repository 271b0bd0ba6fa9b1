# The plugin border over time. A plugin of each version of the ABI that was frozen, built with the
# headers as they were: frozen-<version>.so. The newest again with headers as a later minor version
# might have them: frozen-later.so, and frozen-needs-later.so, which asks for that version. And, in
# builds without sanitizers, a server and testkit of that later version: the test of the frozen
# plugins runs on both.
set(later "${CMAKE_CURRENT_BINARY_DIR}/later")
file(GLOB_RECURSE sdk_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sdk/include/parley/*.h")
file(GLOB abi_records CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sdk/abi/*.txt")
find_program(NODE node REQUIRED)
add_custom_command(
    OUTPUT "${later}/parley/plugin.h"
    COMMAND "${NODE}" "${PROJECT_SOURCE_DIR}/scripts/later-headers.mjs" "${later}"
    DEPENDS ${sdk_headers} ${abi_records} "${PROJECT_SOURCE_DIR}/scripts/later-headers.mjs"
            "${PROJECT_SOURCE_DIR}/scripts/abi.mjs"
    COMMENT "SDK headers of a later version" VERBATIM)
add_custom_target(later_headers DEPENDS "${later}/parley/plugin.h")

set(frozen_plugins "")
function(frozen_plugin name include)
    parley_plugin_module(fixture_${name} ${name} "${PARLEY_FIXTURE_DIR}" ${ARGN})
    set_target_properties(fixture_${name} PROPERTIES INCLUDE_DIRECTORIES "${include}")
    set(frozen_plugins ${frozen_plugins} fixture_${name} PARENT_SCOPE)
endfunction()

file(GLOB folders CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/fixtures/abi-*")
list(SORT folders COMPARE NATURAL)
foreach(folder IN LISTS folders)
    cmake_path(GET folder FILENAME name)
    string(REPLACE "abi-" "frozen-" name "${name}")
    file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.c")
    frozen_plugin(${name} "${folder}/include" ${sources})
endforeach()
foreach(name frozen-later frozen-needs-later)
    frozen_plugin(${name} "${later}" ${sources})
    add_dependencies(fixture_${name} later_headers)
endforeach()
target_compile_definitions(fixture_frozen-needs-later PRIVATE
    PARLEY_TARGET_MINOR=PARLEY_ABI_MINOR)
if(TARGET plugins_frozen)
    add_dependencies(plugins_frozen ${frozen_plugins})
endif()

if(NOT PARLEY_SANITIZE AND NOT PARLEY_FUZZ AND NOT PARLEY_COVERAGE)
    add_executable(plugins_frozen_later plugins/test_frozen.c ${kit_sources} ${core_sources}
                   "${PARLEY_ASSETS_C}")
    add_dependencies(plugins_frozen_later later_headers all_plugins ${frozen_plugins})
    target_include_directories(plugins_frozen_later PRIVATE
        "${later}" "${PROJECT_SOURCE_DIR}/tests/quick" "${PROJECT_SOURCE_DIR}/sdk/testkit" "${kit_include}"
        "${PROJECT_SOURCE_DIR}/core")
    target_compile_definitions(plugins_frozen_later PRIVATE
        _GNU_SOURCE PARLEY_VERSION="${PROJECT_VERSION}" LATER_HOST PARLEY_CHECKED=1)
    target_compile_options(plugins_frozen_later PRIVATE -O0 -g0 -w) # said of the same code before
    target_link_libraries(plugins_frozen_later PRIVATE parley_libraries PkgConfig::CHECK)
    add_test(NAME plugins_frozen_later COMMAND plugins_frozen_later)
    set_tests_properties(plugins_frozen_later PROPERTIES
        LABELS plugins TIMEOUT 120 ENVIRONMENT "${test_env}")
endif()
