# The testkit: the daemon's hub side with a clock that a test moves.
file(GLOB kit_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sdk/testkit/*.c")
if(kit_sources)
    add_library(parley_kit STATIC ${kit_sources})
    target_include_directories(parley_kit PUBLIC
        "${PROJECT_SOURCE_DIR}/sdk/testkit" "${PROJECT_SOURCE_DIR}/core")
    target_link_libraries(parley_kit PUBLIC parley_core PRIVATE parley_flags)
endif()
