// uml-ptrace.c: stands before the C library's ptrace() in a User Mode Linux (LD_PRELOAD).
//
// User Mode Linux 6.1 gives a process its floating point state back in a buffer that has no room for AMX. The machine's
// kernel takes nothing but the whole state (EFAULT: xstateregs_set in its arch/x86/kernel/fpu/regset.c), so that on a
// processor with AMX not even init would start. What the buffer lacks is added here from the state that the process has.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

// The whole state has 11 kB with AMX. Not on the stack, which has little room in that kernel; it runs one thread.
static char whole[64 * 1024];

long ptrace(enum __ptrace_request request, ...)
{
    static long (*next)(enum __ptrace_request, ...);
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (!next)
        next = dlsym(RTLD_NEXT, "ptrace");
    long result = next(request, pid, address, data);
    if (result == 0 || errno != EFAULT || request != PTRACE_SETREGSET || (long)address != NT_X86_XSTATE)
        return result;

    const struct iovec *part = data;
    struct iovec all = { whole, sizeof whole };
    if (next(PTRACE_GETREGSET, pid, address, &all) != 0 || part->iov_len >= all.iov_len) {
        errno = EFAULT;
        return result;
    }
    memcpy(whole, part->iov_base, part->iov_len);
    return next(request, pid, address, &all);
}
