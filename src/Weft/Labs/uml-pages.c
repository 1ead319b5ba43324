// uml-pages.c: stands before the libraries of every program in a User Mode Linux (/etc/ld.so.preload).
//
// A page of a program that is touched for the first time costs a machine about a microsecond, and less than one in sixteen
// costs even that, because the kernel makes known to the processor what it has around it. User Mode Linux 6.1 does so in its
// own tables alone, so that each page costs 60 µs nevertheless: two fifths of what a program of 30 MB takes. So what such a kernel
// has in memory of a program and its libraries is made known at once when a program begins.
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

// As many pages as a thread's stack has room to be asked about.
enum { PAGE = 4096, PAGES = 4096 };

// The processor is told of a whole range only where its protection changes: for a moment there is more right to it, so that
// whoever uses it meanwhile does not miss any.
static void tell(char *from, char *to, int protection)
{
    int more = protection | (protection & PROT_WRITE ? PROT_EXEC : PROT_WRITE);
    syscall(SYS_mprotect, from, to - from, more);
    syscall(SYS_mprotect, from, to - from, protection);
}

static void populate(char *from, char *to, int protection)
{
    // What the kernel would have to read first is left for who needs it.
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
            // The linker has taken the right to write from the first part.
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

// A heap that grows by little is about to be written to, as that of .NET, which is given room before and takes it so.
int mprotect(void *from, size_t length, int protection)
{
    int result = syscall(SYS_mprotect, from, length, protection);
    if (result == 0 && protection == (PROT_READ | PROT_WRITE) && length <= 64 * PAGE
        && madvise(from, length, MADV_POPULATE_WRITE) == 0)
        tell(from, (char *)from + length, protection);
    return result;
}
