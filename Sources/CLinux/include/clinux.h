// What Glibc's Swift module leaves out of Linux, as static inline functions that cost nothing.
//
// Glibc's module is compiled without _GNU_SOURCE, so accept4, setresuid, struct ucred and wcwidth
// are hidden from it, and whole headers (epoll, eventfd, signalfd) are missing. The prototypes are
// repeated inside the functions, so that this header works whatever feature macros the module that
// includes it was built with.
#ifndef POSTERN_CLINUX_H
#define POSTERN_CLINUX_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <wchar.h>

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC set: no moment in which a child could inherit it.
static inline int cl_accept(int fd, struct sockaddr *address, socklen_t *length) {
    extern int accept4(int, struct sockaddr *, socklen_t *, int);
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// setresuid(2) with the three ids alike, so that no saved id is left to return to.
static inline int cl_set_all_user_ids(uid_t id) {
    extern int setresuid(uid_t, uid_t, uid_t);
    return setresuid(id, id, id);
}

/// setresgid(2) with the three ids alike.
static inline int cl_set_all_group_ids(gid_t id) {
    extern int setresgid(gid_t, gid_t, gid_t);
    return setresgid(id, id, id);
}

/// setgroups(2) with an empty list.
static inline int cl_drop_supplementary_groups(void) {
    extern int setgroups(size_t, const gid_t *);
    return setgroups(0, 0);
}

/// renameat2(2) with RENAME_NOREPLACE: a name that is taken stays what it is.
static inline int cl_rename_to_new(const char *path, const char *name) {
    extern int renameat2(int, const char *, int, const char *, unsigned int);
    return renameat2(-100 /* AT_FDCWD */, path, -100, name, 1);
}

/// prctl(2) is variadic, which Swift does not import.
static inline int cl_set_dumpable(int dumpable) {
    return prctl(PR_SET_DUMPABLE, (unsigned long)dumpable, 0UL, 0UL, 0UL);
}

static inline int cl_is_dumpable(void) {
    return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL);
}

/// pthread_setname_np(3); a name longer than 15 bytes is refused and the thread keeps its old one.
static inline int cl_set_thread_name(pthread_t thread, const char *name) {
    extern int pthread_setname_np(pthread_t, const char *);
    return pthread_setname_np(thread, name);
}

/// Columns of one Unicode scalar in the calling thread's locale, -1 for a control character.
static inline int cl_wcwidth(uint32_t scalar) {
    extern int wcwidth(wchar_t);
    return wcwidth((wchar_t)scalar);
}

/// Readiness as the Swift side numbers it: 1 read, 2 write, 4 broken. The kernel's event is a packed
/// struct with a union in it, which Swift only imports as unsafe; so the two meet here.
static inline int cl_epoll_control(int epoll, int operation, int fd, uint64_t token, int interest) {
    struct epoll_event event;
    event.events = (interest & 1 ? (uint32_t)EPOLLIN | (uint32_t)EPOLLRDHUP : 0)
        | (interest & 2 ? (uint32_t)EPOLLOUT : 0);
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, fd, &event);
}

static inline uint64_t cl_event_token(const struct epoll_event *event) {
    return event->data.u64;
}

static inline int cl_event_readiness(const struct epoll_event *event) {
    return (event->events & ((uint32_t)EPOLLIN | (uint32_t)EPOLLRDHUP) ? 1 : 0)
        | (event->events & (uint32_t)EPOLLOUT ? 2 : 0)
        | (event->events & ((uint32_t)EPOLLERR | (uint32_t)EPOLLHUP) ? 4 : 0);
}

#endif
