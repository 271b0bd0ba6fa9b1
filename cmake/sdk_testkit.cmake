# The testkit, the daemon's hub side with a clock that a test moves: as a static library for the
# tests of this tree, and as the shared one that a plugin's author links. That one holds the core
# and shows kit_* alone, so he needs neither our libraries' headers nor their names.
file(GLOB kit_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sdk/testkit/*.c")
set(kit_include "${PROJECT_BINARY_DIR}/sdk/include") # <parley/kit.h>, as it is called once installed
file(CONFIGURE OUTPUT "${kit_include}/parley/kit.h" @ONLY
     CONTENT "#include \"@PROJECT_SOURCE_DIR@/sdk/testkit/kit.h\"\n")

add_library(parley_kit STATIC EXCLUDE_FROM_ALL ${kit_sources})
target_include_directories(parley_kit PUBLIC
    "${PROJECT_SOURCE_DIR}/sdk/testkit" "${kit_include}" "${PROJECT_SOURCE_DIR}/core")
target_link_libraries(parley_kit PUBLIC parley_core PRIVATE parley_flags)

# The version of the SDK is that of the ABI, which the headers say.
file(STRINGS "${PROJECT_SOURCE_DIR}/sdk/include/parley/base.h" line REGEX "PARLEY_SDK_VERSION")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" PARLEY_SDK_VERSION "${line}")
string(REGEX MATCH "^[0-9]+" PARLEY_SDK_MAJOR "${PARLEY_SDK_VERSION}")

set(kit_map "${PROJECT_SOURCE_DIR}/sdk/testkit/kit.map")
add_library(parley_kit_shared SHARED ${kit_sources})
target_link_libraries(parley_kit_shared PRIVATE parley_core parley_flags)
target_include_directories(parley_kit_shared
    INTERFACE "$<INSTALL_INTERFACE:include>" "$<INSTALL_INTERFACE:include/parley/testkit>")
target_link_options(parley_kit_shared PRIVATE
    "LINKER:--version-script=${kit_map}" LINKER:--as-needed)
set_target_properties(parley_kit_shared PROPERTIES
    OUTPUT_NAME parley_kit EXPORT_NAME kit LINK_DEPENDS "${kit_map}" INSTALL_RPATH "$ORIGIN"
    VERSION "${PARLEY_SDK_VERSION}" SOVERSION "${PARLEY_SDK_MAJOR}"
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
