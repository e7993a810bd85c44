#ifndef FAULT_VFS_H
#define FAULT_VFS_H

/// A SQLite VFS around the system's that tells of every operation, before and after it, and can be told to fail it.

enum fault_operation {
  FAULT_OPEN,
  FAULT_CLOSE,
  FAULT_READ,
  FAULT_WRITE,
  FAULT_TRUNCATE,
  FAULT_SYNC,
  FAULT_DELETE
};

/// Called before an operation on `path`; another answer than 0 is SQLite's result code of the operation, which is not done.
/// For a write `data` and `count` are what is to be written at `offset`; for a truncation `offset` is the new size; for an
/// open `count` is whether the file may be created; for a delete `count` is whether the directory is synced.
typedef int (*fault_before)(
    void *context, int operation, const char *path, long long offset, const void *data, int count);

/// Called after an operation that succeeded, with the same arguments.
typedef void (*fault_after)(
    void *context, int operation, const char *path, long long offset, const void *data, int count);

/// Registers a VFS under `name`, which stays until `fault_vfs_unregister`. 0 on success.
int fault_vfs_register(const char *name, void *context, fault_before before, fault_after after);
void fault_vfs_unregister(const char *name);

#endif
