// uml-preload.c: overrides functions of the C library in the process of a User Mode Linux kernel (LD_PRELOAD).
//
// ptrace(): User Mode Linux 6.1 restores the floating-point state of a process from a buffer that has no room for AMX. The
// machine's kernel accepts only the whole state (EFAULT: xstateregs_set in its arch/x86/kernel/fpu/regset.c), so that on a
// processor with AMX not even init would start. What the buffer lacks is added here from the process's current state.
//
// It restores that state before each step of the process, changed or not, which is a fifth of the time of a system call. A state
// that the process already has is not set again.
//
// clock_gettime(): Open vSwitch 3.1 loses packets if it starts within ten seconds of its kernel. Instead of having the host wait
// for them to pass, we show its kernel a clock by which WEFT_UPTIME seconds have passed when it starts its first process.
//
// A kernel and its processes are processes of the machine that take turns: for every first touch of a page, and every system
// call, one wakes the other. Across processors that takes several times as long, and the machine's scheduler moves whoever is
// woken to an idle one. So everything of a host stays on one processor: number WEFT_PROCESSOR modulo the number of those that it
// may use.
#if defined(__x86_64__)
// User Mode Linux runs on x86 only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>

// The whole state has 11 kB with AMX. It is static because the kernel's stack has little room; the kernel has one thread.
static char whole[64 * 1024];

static long (*next_ptrace)(enum __ptrace_request, ...);
static int (*next_clock_gettime)(clockid_t, struct timespec *);
static long uptime;
static int has_process;

static void stay_on_one_processor(int number)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    number %= CPU_COUNT(&allowed);
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, &allowed) && number-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            // If this is not permitted, the host is only slower.
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    next_ptrace = dlsym(RTLD_NEXT, "ptrace");
    next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *given = getenv("WEFT_UPTIME");
    uptime = given ? atol(given) : 0;
    const char *processor = getenv("WEFT_PROCESSOR");
    if (processor)
        stay_on_one_processor(atoi(processor));
}

// The floating-point state last read from or written to a process, as long as the process has executed nothing of its own since.
static struct known {
    pid_t pid;
    enum __ptrace_request last;
    // The size of the caller's buffer, and how much of it the state takes; a length of 0 if the state is not known.
    size_t room, length;
    char state[4096];
} all_known[256];

static struct known *known_of(pid_t pid)
{
    struct known *known = &all_known[(unsigned)pid % (sizeof all_known / sizeof *all_known)];
    if (known->pid != pid) {
        known->pid = pid;
        known->length = 0;
    }
    return known;
}

// Sets the state of a process; what the given state lacks at the end is completed with what the process has.
static long give_state(pid_t pid, const struct iovec *part)
{
    long result = next_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, part);
    if (result == 0 || errno != EFAULT)
        return result;

    struct iovec all = { whole, sizeof whole };
    if (next_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) != 0 || part->iov_len >= all.iov_len) {
        errno = EFAULT;
        return result;
    }
    memcpy(whole, part->iov_base, part->iov_len);
    return next_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    struct known *known = known_of(pid);
    enum __ptrace_request last = known->last;
    known->last = request;
    switch (request) {
    case PTRACE_GETREGS:
    case PTRACE_GETSIGINFO:
    case PTRACE_SETREGS:
        break;
    case PTRACE_CONT:
        // After PTRACE_SETREGS and without a signal, the process runs only the kernel's stub: system calls, in assembler, that
        // change its memory and leave floating point alone.
        if (last != PTRACE_SETREGS || data)
            known->length = 0;
        break;
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        if ((long)address == NT_X86_XSTATE) {
            struct iovec *state = data;
            size_t room = state->iov_len;
            int same = known->length && known->room == room;
            // A state is set, so the first process exists.
            has_process |= request == PTRACE_SETREGSET;
            if (same && request == PTRACE_GETREGSET) {
                memcpy(state->iov_base, known->state, known->length);
                state->iov_len = known->length;
                return 0;
            }
            if (same && memcmp(state->iov_base, known->state, known->length) == 0)
                return 0;
            long result = request == PTRACE_GETREGSET ? next_ptrace(request, pid, address, data) : give_state(pid, state);
            known->length = result == 0 && state->iov_len <= sizeof known->state ? state->iov_len : 0;
            known->room = room;
            memcpy(known->state, state->iov_base, known->length);
            return result;
        }
        break;
    default:
        known->length = 0;
    }
    return next_ptrace(request, pid, address, data);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = next_clock_gettime(clock, now);
    if (result == 0 && clock == CLOCK_MONOTONIC && has_process)
        now->tv_sec += uptime;
    // The kernel asks for the date before there is a process, and counts on from there: take away what the other clock gains.
    if (result == 0 && clock == CLOCK_REALTIME && !has_process)
        now->tv_sec -= uptime;
    return result;
}
#endif
