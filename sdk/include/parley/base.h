/* <parley/base.h>: the vocabulary of the plugin border, shared by every SDK header.
 *
 * C11, and C++20 from the same source. Nothing here calls anything: strings, tables, the preamble of a descriptor, and
 * the macros that fill them. What stands here never changes its layout within a major version of the ABI. All since 1.0.
 */
#ifndef PARLEY_BASE_H
#define PARLEY_BASE_H
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PARLEY_ABI_MAJOR 1
#define PARLEY_ABI_MINOR 1
#define PARLEY_SDK_VERSION "1.1.0"
#ifndef PARLEY_TARGET_MINOR
# define PARLEY_TARGET_MINOR 0                /* the oldest host that may load you: ask for more only if you use more */
#endif
#define PARLEY_MAGIC 0x3159454c52415001ull     /* the first eight bytes of every descriptor */

typedef struct { const char *p; size_t n; } parley_str;      /* borrowed UTF-8; p[n] is 0 and none before it; absent: p is NULL */
typedef struct { const parley_str *items; size_t n; } parley_list;            /* borrowed */
typedef struct { const void *items; uint32_t count, size; } parley_table; /* the size of an entry travels along: entries may grow */
typedef struct { const char *id; const void *table; } parley_provided;    /* {"parley.hub/1", &my_hub} */
typedef struct { uint64_t magic; uint32_t struct_size;       /* of the descriptor that it begins */
                 uint16_t abi_major, abi_minor, min_minor, reserved; /* of the SDK; PARLEY_TARGET_MINOR; 0 */
                 const char *sdk_version; } parley_preamble;
typedef struct parley_host parley_host;
typedef struct parley_plugin parley_plugin;
typedef struct parley_api parley_api;

#ifdef __cplusplus                            /* a void pointer that converts by itself, as it does in C */
struct parley_any { const void *p; template <class T> operator const T *() const { return static_cast<const T *>(p); } };
struct parley_own { void *p; template <class T> operator T *() const { return static_cast<T *>(p); }
                    parley_own &operator=(void *v) { p = v; return *this; } };
# define PARLEY_ANY(x) (parley_any{x})
# define PARLEY_OWN(x) (parley_own{x})
# define PARLEY_C_LINKAGE extern "C"
# define PARLEY_NONE (parley_str{nullptr, 0})
# define PARLEY_STR(literal) (parley_str{"" literal, sizeof(literal) - 1})
#else
typedef const void *parley_any;
typedef void *parley_own;
# define PARLEY_ANY(x) (x)
# define PARLEY_OWN(x) (x)
# define PARLEY_C_LINKAGE extern
# define PARLEY_NONE ((parley_str){NULL, 0})
# define PARLEY_STR(literal) ((parley_str){"" literal, sizeof(literal) - 1})
#endif

/* Fill a descriptor. PARLEY_PLUGIN = {...}; is the one constant that you export. PARLEY_OPTION: where in your struct S it goes;
 * PARLEY_FIELD: of a message; of both range and dflt are texts as in the INI, or NULL. PARLEY_TABLE: an array, with its length. */
#define PARLEY_TABLE(array) {(array), (uint32_t)(sizeof(array) / sizeof *(array)), (uint32_t)sizeof *(array)}
#define PARLEY_PRINTF(n) __attribute__((format(printf, n, (n) + 1)))
#define PARLEY_OPTION(name, kind, S, member, range, dflt, flags, doc) \
    {name, kind, flags, range, dflt, doc, (uint32_t)offsetof(S, member), (uint32_t)sizeof(((S *)0)->member)}
#define PARLEY_FIELD(name, kind, range, dflt, flags, doc) {name, kind, flags, range, dflt, doc, 0, 0}
#define PARLEY_PREAMBLE {PARLEY_MAGIC, (uint32_t)sizeof(parley_plugin), PARLEY_ABI_MAJOR, PARLEY_ABI_MINOR, \
                         PARLEY_TARGET_MINOR, 0, PARLEY_SDK_VERSION}
#define PARLEY_CAT_(a, b) a##b
#define PARLEY_CAT(a, b) PARLEY_CAT_(a, b)
#ifdef PARLEY_STATIC_NAME                     /* built into a program: one symbol a plugin */
# define PARLEY_SYMBOL PARLEY_CAT(parley_plugin_, PARLEY_STATIC_NAME)
#else
# define PARLEY_SYMBOL parley_plugin_descriptor
#endif
#define PARLEY_PLUGIN \
    PARLEY_C_LINKAGE __attribute__((visibility("default"))) const parley_plugin PARLEY_SYMBOL; const parley_plugin PARLEY_SYMBOL
#endif
