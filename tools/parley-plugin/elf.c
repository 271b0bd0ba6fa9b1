/* What the symbols of a plugin's file say, and how its imports are taken over.
 *
 * Only the plugin's own slots are changed: its calls of malloc can be made to fail while everybody
 * else's succeed. The file is read as it lies on the disk; the slots are those of what is mapped.
 */
#include "base/str.h"
#include "validate.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define IS_SLOT(type) \
    ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_64)
#elif defined(__aarch64__)
#define IS_SLOT(type) \
    ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_ABS64)
#else
#define IS_SLOT(type) ((void)(type), false)
#endif

struct elf { /* a file, mapped */
    const char *bytes;
    size_t n;
    const ElfW(Sym) * symbols;
    size_t symbol_count;
    const char *names;
    size_t name_bytes;
};

static bool holds(const struct elf *e, uint64_t at, uint64_t n)
{
    return at <= e->n && n <= e->n - at;
}

static int find_symbols(struct elf *e)
{
    const ElfW(Ehdr) *head = (const void *)e->bytes;
    const ElfW(Shdr) * s;

    if (e->n < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_shentsize != sizeof *s ||
        !holds(e, head->e_shoff, (uint64_t)head->e_shnum * sizeof *s))
        return -EINVAL;
    s = (const void *)(e->bytes + head->e_shoff);
    for (int i = 0; i < head->e_shnum; i++) {
        const ElfW(Shdr) * names;

        if (s[i].sh_type != SHT_DYNSYM || s[i].sh_link >= head->e_shnum)
            continue;
        names = &s[s[i].sh_link];
        if (!holds(e, s[i].sh_offset, s[i].sh_size) || !holds(e, names->sh_offset, names->sh_size))
            return -EINVAL;
        e->symbols = (const void *)(e->bytes + s[i].sh_offset);
        e->symbol_count = s[i].sh_size / sizeof *e->symbols;
        e->names = e->bytes + names->sh_offset;
        e->name_bytes = names->sh_size;
        return e->name_bytes && e->names[e->name_bytes - 1] == 0 ? 0 : -EINVAL;
    }
    return -ENOENT;
}

static int elf_open(struct elf *e, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r;
    struct stat st;
    void *p;

    memset(e, 0, sizeof *e);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    e->n = (size_t)st.st_size;
    p = mmap(NULL, e->n, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return -errno;
    e->bytes = p;
    r = find_symbols(e);
    if (r < 0)
        munmap(p, e->n);
    return r;
}

static void elf_close(struct elf *e)
{
    munmap((void *)(uintptr_t)e->bytes, e->n);
}

static const char *name_of(const struct elf *e, const ElfW(Sym) * s)
{
    return s->st_name < e->name_bytes ? e->names + s->st_name : "";
}

/* What linkers, sanitizers and coverage add by themselves. */
static bool is_tools(const char *name)
{
    static const char *const known[] = {
        "parley_plugin_descriptor", "_init", "_fini", "_edata", "_end", "__bss_start"};
    static const char *const begins[] = {
        "__asan_", "__odr_asan", "__sanitizer_", "__ubsan_",  "__tsan_", "__lsan_",       "__gcov_",
        "__llvm_", "__start_",   "__stop_",      "__sancov_", "_ITM_",   "__gmon_start__"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

/* It is defined in this program, and nowhere behind it: a sanitizer's runtime has many names of
 * libc. */
static bool is_programs(const char *name)
{
    void *at = dlsym(RTLD_DEFAULT, name);
    Dl_info here, there;

    return at && !dlsym(RTLD_NEXT, name) && dladdr(at, &there) &&
           dladdr((void *)(uintptr_t)is_programs, &here) && here.dli_fbase == there.dli_fbase;
}

int elf_symbols(const struct plugin *p, char ret_shown[128], char ret_wanted[128])
{
    struct elf e;
    int r = elf_open(&e, p->path);

    ret_shown[0] = ret_wanted[0] = 0;
    for (size_t i = 1; r == 0 && i < e.symbol_count; i++) {
        const ElfW(Sym) *s = &e.symbols[i];
        const char *name = name_of(&e, s);

        if (ELF64_ST_BIND(s->st_info) == STB_LOCAL || is_tools(name))
            continue;
        if (s->st_shndx != SHN_UNDEF && !ret_shown[0])
            snprintf(ret_shown, 128, "%s", name);
        if (s->st_shndx == SHN_UNDEF && !ret_wanted[0] && is_programs(name))
            snprintf(ret_wanted, 128, "%s", name);
    }
    if (r == 0)
        elf_close(&e);
    return r;
}

/* The names of libraries stand among the others. */
bool elf_wants(const char *path, const char *prefix, char ret_name[128])
{
    struct elf e;
    size_t n;

    if (elf_open(&e, path) < 0)
        return false;
    ret_name[0] = 0;
    for (size_t at = 0; at < e.name_bytes && !ret_name[0]; at += n + 1) {
        n = strlen(e.names + at);
        if (strncmp(e.names + at, prefix, strlen(prefix)) == 0)
            snprintf(ret_name, 128, "%s", e.names + at);
    }
    elf_close(&e);
    return ret_name[0] != 0;
}

/* A plugin that gcc built with AddressSanitizer needs its runtime before all other libraries, which
 * a program can only be given as it starts. */
void elf_preload(char **argv)
{
    char runtime[128] = "";

    if (dlsym(RTLD_DEFAULT, "__asan_init") || getenv("LD_PRELOAD"))
        return;
    for (char **a = argv + 1; *a && !runtime[0]; a++) {
        size_t n = strlen(*a);

        if (n > 3 && strcmp(*a + n - 3, ".so") == 0)
            elf_wants(*a, "libasan.so", runtime);
    }
    if (!runtime[0])
        return;
    setenv("LD_PRELOAD", runtime, 1);
    setenv("ASAN_OPTIONS", "leak_check_at_exit=0:detect_odr_violation=0", 0); /* we ask ourselves */
    execv("/proc/self/exe", argv);
}

/* --- what is mapped --- */
static const struct link_map *map_of(const struct plugin *p)
{
    struct link_map *map = NULL;
    Dl_info info;

    return dladdr1(p->descriptor, &info, (void **)&map, RTLD_DL_LINKMAP) ? map : NULL;
}

struct constancy {
    const struct link_map *map;
    uintptr_t at;
    bool writable, sealed;
};

static int look(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    struct constancy *c = arg;

    (void)bytes;
    if (info->dlpi_addr != c->map->l_addr)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + h->p_vaddr;

        if (c->at < from || c->at >= from + h->p_memsz)
            continue;
        c->writable |= h->p_type == PT_LOAD && (h->p_flags & PF_W);
        c->sealed |= h->p_type == PT_GNU_RELRO;
    }
    return 1;
}

bool elf_is_constant(const struct plugin *p)
{
    struct constancy c = {.map = map_of(p), .at = (uintptr_t)p->descriptor};

    if (c.map)
        dl_iterate_phdr(look, &c);
    return !c.writable || c.sealed;
}

static int write_slot(void **slot, void *value)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *start = (void *)((uintptr_t)slot & ~(page - 1));

    if (mprotect(start, page, PROT_READ | PROT_WRITE) < 0)
        return -errno;
    *slot = value;
    return 0;
}

static int replace_in(const struct link_map *map, const ElfW(Rela) * rela, size_t bytes,
                      const ElfW(Sym) * symbols, const char *names, const struct import *list,
                      size_t count)
{
    int replaced = 0;

    for (size_t i = 0; i < bytes / sizeof *rela; i++) {
        const char *name = names + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;

        if (ELF64_R_SYM(rela[i].r_info) == 0 || !IS_SLOT(ELF64_R_TYPE(rela[i].r_info)))
            continue;
        for (size_t k = 0; k < count; k++)
            if (strcmp(list[k].name, name) == 0 &&
                write_slot((void **)(map->l_addr + rela[i].r_offset), list[k].function) == 0)
                replaced++;
    }
    return replaced;
}

int elf_replace(const struct plugin *p, const struct import *list, size_t count)
{
    const struct link_map *map = map_of(p);
    const ElfW(Rela) *rela = NULL, *plt = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    size_t rela_bytes = 0, plt_bytes = 0;

    for (const ElfW(Dyn) *d = map ? map->l_ld : NULL; d && d->d_tag != DT_NULL; d++)
        switch (d->d_tag) {
        case DT_SYMTAB:
            symbols = (const void *)d->d_un.d_ptr;
            break;
        case DT_STRTAB:
            names = (const void *)d->d_un.d_ptr;
            break;
        case DT_RELA:
            rela = (const void *)d->d_un.d_ptr;
            break;
        case DT_RELASZ:
            rela_bytes = d->d_un.d_val;
            break;
        case DT_JMPREL:
            plt = (const void *)d->d_un.d_ptr;
            break;
        case DT_PLTRELSZ:
            plt_bytes = d->d_un.d_val;
            break;
        default:
            break;
        }
    if (!symbols || !names)
        return -ENOENT;
    return (rela ? replace_in(map, rela, rela_bytes, symbols, names, list, count) : 0) +
           (plt ? replace_in(map, plt, plt_bytes, symbols, names, list, count) : 0);
}
