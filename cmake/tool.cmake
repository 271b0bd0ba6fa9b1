# parley-plugin, what plugin authors have. It holds the core and the testkit. Templates are found at
# ../share from the program, here as well as where it is installed.
file(GLOB tool_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/parley-plugin/*.c")
add_executable(parley-plugin ${tool_sources})
target_link_libraries(parley-plugin PRIVATE parley_kit parley_core parley_flags)
set_target_properties(parley-plugin PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/share/parley")
file(CREATE_LINK "${PROJECT_SOURCE_DIR}/sdk/template" "${PROJECT_BINARY_DIR}/share/parley/template"
     SYMBOLIC)
