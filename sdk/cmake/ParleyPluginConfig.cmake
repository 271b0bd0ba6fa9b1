# find_package(ParleyPlugin 1 REQUIRED): build and test plugins of the Parley message server.
#
#   parley_add_plugin(<name> <source>...)           <name>.so, from C11 or C++20
#   parley_add_plugin_test(<name> <source>...)      its tests, in ctest: the program made of the
#                                                   sources (libcheck, the testkit), and the
#                                                   validator of `parley-plugin`, with the
#                                                   configuration of <name>.ini if there is one
#
# For what these do not fit: Parley::plugin are the headers, Parley::kit is the testkit,
# ParleyPlugin_PLUGIN_DIR the folder of the plugins that come with the server.
include("${CMAKE_CURRENT_LIST_DIR}/ParleyPluginTargets.cmake")

get_filename_component(ParleyPlugin_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(ParleyPlugin_PLUGIN_DIR "${ParleyPlugin_PREFIX}/lib/parley/plugins")
set(ParleyPlugin_TEMPLATE_DIR "${ParleyPlugin_PREFIX}/share/parley/template")
set(ParleyPlugin_MAP "${CMAKE_CURRENT_LIST_DIR}/plugin.map")
set(ParleyPlugin_PROGRAM "${ParleyPlugin_PREFIX}/bin/parley-plugin")

# Sets <ret> when code is built with a sanitizer here. clang keeps its runtime in the program, so a
# shared object then has symbols that only the program defines.
function(_parley_sanitized ret)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    get_directory_property(options COMPILE_OPTIONS)
    set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_C_FLAGS_${type}} ${options}")
    string(FIND "${flags} ${CMAKE_CXX_FLAGS_${type}}" "-fsanitize" at)
    if(at GREATER -1)
        set(${ret} ON PARENT_SCOPE)
    else()
        set(${ret} OFF PARENT_SCOPE)
    endif()
endfunction()

function(parley_add_plugin name)
    add_library(${name} MODULE ${ARGN})
    set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so"
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    foreach(standard C_STANDARD=11 CXX_STANDARD=20)
        string(REPLACE "=" ";" pair "${standard}")
        list(GET pair 0 property)
        if(NOT DEFINED CMAKE_${property})
            set_property(TARGET ${name} PROPERTY ${pair})
        endif()
    endforeach()
    target_link_libraries(${name} PRIVATE Parley::plugin)
    # Only the descriptor is seen from outside, and nothing is asked of the server by name.
    target_compile_options(${name} PRIVATE
        $<$<OR:$<COMPILE_LANG_AND_ID:C,GNU>,$<COMPILE_LANG_AND_ID:CXX,GNU>>:-fno-gnu-unique>)
    target_link_options(${name} PRIVATE "-Wl,--version-script=${ParleyPlugin_MAP}")
    _parley_sanitized(sanitized)
    if(NOT sanitized)
        target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
endfunction()

function(parley_plugin_add_test name source)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(PARLEY_CHECK REQUIRED QUIET IMPORTED_TARGET check)
    get_filename_component(test "${source}" NAME_WE)
    add_executable(${test} "${source}" ${ARGN})
    add_dependencies(${test} ${name})
    target_link_libraries(${test} PRIVATE Parley::kit PkgConfig::PARLEY_CHECK)
    set(path "PARLEY_PLUGIN_PATH=$<TARGET_FILE_DIR:${name}>:${ParleyPlugin_PLUGIN_DIR}")
    add_test(NAME ${test} COMMAND ${test})
    set_tests_properties(${test} PROPERTIES TIMEOUT 120 ENVIRONMENT "${path}")
    if(EXISTS "${ParleyPlugin_PROGRAM}" AND NOT TEST validate_${name})
        set(ini "${CMAKE_CURRENT_SOURCE_DIR}/${name}.ini") # as the template has it
        if(EXISTS "${ini}")
            set(ini --ini "${ini}")
        else()
            set(ini "")
        endif()
        # One seed, so that a test that fails does so for what was changed; by hand each run tries another.
        add_test(NAME validate_${name}
                 COMMAND "${ParleyPlugin_PROGRAM}" validate --seed 1 "$<TARGET_FILE:${name}>" ${ini})
        set_tests_properties(validate_${name} PROPERTIES TIMEOUT 300 ENVIRONMENT "${path}")
    endif()
endfunction()

# A macro, because enable_testing() counts for the folder that calls it.
macro(parley_add_plugin_test)
    enable_testing()
    parley_plugin_add_test(${ARGV})
endmacro()
