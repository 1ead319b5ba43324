// uml-pages.c: is loaded before the libraries of every program in a User Mode Linux (/etc/ld.so.preload).
//
// On a machine the first touch of a page of a program costs about a microsecond, and fewer than one page in sixteen costs even
// that, because the kernel maps the cached pages around it too. User Mode Linux 6.1 maps those in its own tables only, not in the
// processor's, so that each page still costs 60 µs: two fifths of what a program of 30 MB takes. So when a program begins, all
// pages of it and its libraries that the kernel has in memory are mapped at once.
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Since Linux 5.14; older headers lack it.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

// As many pages as mincore() can report on in an array on a thread's stack.
enum { PAGE = 4096, PAGES = 4096 };

// The kernel passes a whole range on to the processor only where its protection changes. It is first widened, never narrowed, so
// that no concurrent access fails.
static void tell(char *from, char *to, int protection)
{
    int more = protection | (protection & PROT_WRITE ? PROT_EXEC : PROT_WRITE);
    syscall(SYS_mprotect, from, to - from, more);
    syscall(SYS_mprotect, from, to - from, protection);
}

static void populate(char *from, char *to, int protection)
{
    // Pages that the kernel would have to read from disk first are left until they are needed.
    for (char *part = from; part < to; part += PAGES * PAGE) {
        unsigned char present[PAGES];
        int pages = to - part < PAGES * PAGE ? (to - part) / PAGE : PAGES;
        if (mincore(part, (size_t)pages * PAGE, present) != 0)
            return;
        for (int page = 0, first; page < pages; page++) {
            for (first = page; page < pages && present[page] & 1;)
                page++;
            if (page > first)
                madvise(part + first * PAGE, (size_t)(page - first) * PAGE, MADV_POPULATE_READ);
        }
    }
    tell(from, to, protection);
}

static int populate_object(struct dl_phdr_info *object, size_t size, void *nothing)
{
    (void)size, (void)nothing;
    uintptr_t constant = 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_GNU_RELRO)
            constant = object->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD)
            continue;
        uintptr_t from = object->dlpi_addr + part->p_vaddr, to = from + part->p_filesz;
        int protection = part->p_flags & PF_R ? PROT_READ : 0;
        if (part->p_flags & PF_X)
            protection |= PROT_EXEC;
        if (part->p_flags & PF_W) {
            protection |= PROT_WRITE;
            // The dynamic linker has made the first part read-only (RELRO).
            if (constant > from)
                from = constant;
        }
        from &= -(uintptr_t)PAGE;
        to = (to + PAGE - 1) & -(uintptr_t)PAGE;
        if (from < to)
            populate((char *)from, (char *)to, protection);
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    dl_iterate_phdr(populate_object, 0);
}

// .NET reserves address space for its heap and makes it writable in small steps, each just before it writes there: map such a
// step at once.
int mprotect(void *from, size_t length, int protection)
{
    int result = syscall(SYS_mprotect, from, length, protection);
    if (result == 0 && protection == (PROT_READ | PROT_WRITE) && length <= 64 * PAGE
        && madvise(from, length, MADV_POPULATE_WRITE) == 0)
        tell(from, (char *)from + length, protection);
    return result;
}
