# Compiler and linker flags. Our own code is linked to parley_flags; what comes from a library's
# headers is not ours to warn about.
include(CheckPIESupported)
check_pie_supported()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_library(parley_flags INTERFACE)
target_compile_options(parley_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla
    -Wpointer-arith -Wwrite-strings
    $<$<BOOL:${PARLEY_WERROR}>:-Werror>)

# Tests are a hundred programs and more, each with the core in it: linking them takes as long as
# compiling. A release is linked as everybody links it.
if(PARLEY_CHECKED)
    find_program(LLD ld.lld)
    if(LLD)
        add_link_options(-fuse-ld=lld)
    endif()
endif()

# Defined to 1 or not at all: ask with #ifdef.
if(PARLEY_CHECKED)
    target_compile_definitions(parley_flags INTERFACE PARLEY_CHECKED=1)
endif()

if(PARLEY_SANITIZE)
    target_compile_options(parley_flags INTERFACE
        -fsanitize=${PARLEY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(parley_flags INTERFACE -fsanitize=${PARLEY_SANITIZE})
endif()

if(PARLEY_HARDEN)
    target_compile_options(parley_flags INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
    target_link_options(parley_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

if(PARLEY_COVERAGE)
    target_compile_options(parley_flags INTERFACE --coverage)
    target_link_options(parley_flags INTERFACE --coverage)
endif()

if(PARLEY_FUZZ)
    target_compile_options(parley_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(parley_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What tests and plugins are forgiven; linked after parley_flags, since the last word counts. Hooks
# and test functions take what they do not always use; tables leave out their trailing defaults.
add_library(parley_lenient INTERFACE)
target_link_libraries(parley_lenient INTERFACE parley_flags)
target_compile_options(parley_lenient INTERFACE
    -Wno-unused-parameter -Wno-missing-field-initializers)
