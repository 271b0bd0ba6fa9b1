# core/ is a static library, so that the tests link the same code as the daemon.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/*.c")
list(REMOVE_ITEM core_sources "${PROJECT_SOURCE_DIR}/core/main.c")

add_library(parley_core STATIC ${core_sources} "${PARLEY_ASSETS_C}")
target_include_directories(parley_core PUBLIC
    "${PROJECT_SOURCE_DIR}/core" "${PROJECT_SOURCE_DIR}/sdk/include")
target_compile_definitions(parley_core PUBLIC
    _GNU_SOURCE PARLEY_VERSION="${PROJECT_VERSION}")
target_link_libraries(parley_core PUBLIC parley_libraries PRIVATE parley_flags)

file(GLOB core_main CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/core/main.c")
if(core_main)
    add_executable(parleyd ${core_main})
    target_link_libraries(parleyd PRIVATE parley_core parley_flags)
    set_target_properties(parleyd PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endif()
