#include "fault_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  sqlite3_vfs base;
  sqlite3_vfs *real;
  void *context;
  fault_before before;
  fault_after after;
} fault_vfs;

/// The real file's memory follows this.
typedef struct {
  sqlite3_file base;
  fault_vfs *vfs;
  char *path;
} fault_file;

static sqlite3_file *real_of(sqlite3_file *file) { return (sqlite3_file *)((fault_file *)file + 1); }

static int ask(
    fault_vfs *vfs, int operation, const char *path, sqlite3_int64 offset, const void *data, int count) {
  return path == NULL ? SQLITE_OK : vfs->before(vfs->context, operation, path, offset, data, count);
}

static void tell(
    fault_vfs *vfs, int operation, const char *path, sqlite3_int64 offset, const void *data, int count) {
  if (path != NULL) vfs->after(vfs->context, operation, path, offset, data, count);
}

static int file_close(sqlite3_file *file) {
  fault_file *self = (fault_file *)file;
  int code = real_of(file)->pMethods->xClose(real_of(file));
  tell(self->vfs, FAULT_CLOSE, self->path, 0, NULL, 0);
  free(self->path);
  return code;
}

static int file_read(sqlite3_file *file, void *data, int count, sqlite3_int64 offset) {
  fault_file *self = (fault_file *)file;
  int code = ask(self->vfs, FAULT_READ, self->path, offset, NULL, count);
  if (code != SQLITE_OK) return code;
  return real_of(file)->pMethods->xRead(real_of(file), data, count, offset);
}

static int file_write(sqlite3_file *file, const void *data, int count, sqlite3_int64 offset) {
  fault_file *self = (fault_file *)file;
  int code = ask(self->vfs, FAULT_WRITE, self->path, offset, data, count);
  if (code != SQLITE_OK) return code;
  code = real_of(file)->pMethods->xWrite(real_of(file), data, count, offset);
  if (code == SQLITE_OK) tell(self->vfs, FAULT_WRITE, self->path, offset, data, count);
  return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  fault_file *self = (fault_file *)file;
  int code = ask(self->vfs, FAULT_TRUNCATE, self->path, size, NULL, 0);
  if (code != SQLITE_OK) return code;
  code = real_of(file)->pMethods->xTruncate(real_of(file), size);
  if (code == SQLITE_OK) tell(self->vfs, FAULT_TRUNCATE, self->path, size, NULL, 0);
  return code;
}

static int file_sync(sqlite3_file *file, int flags) {
  fault_file *self = (fault_file *)file;
  int code = ask(self->vfs, FAULT_SYNC, self->path, 0, NULL, 0);
  if (code != SQLITE_OK) return code;
  code = real_of(file)->pMethods->xSync(real_of(file), flags);
  if (code == SQLITE_OK) tell(self->vfs, FAULT_SYNC, self->path, 0, NULL, 0);
  return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
static int file_lock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xLock(real_of(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }
static int file_check_reserved(sqlite3_file *file, int *result) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
  // Growing a file ahead of its writes would go past the hooks.
  if (operation == SQLITE_FCNTL_SIZE_HINT || operation == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
  return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}
static int file_sector_size(sqlite3_file *file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
static int file_characteristics(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, memory);
}
static int shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
static void shm_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
static int shm_unmap(sqlite3_file *file, int delete) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
    2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,
    file_check_reserved, file_control, file_sector_size, file_characteristics, shm_map, shm_lock, shm_barrier,
    shm_unmap, NULL, NULL};

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *out_flags) {
  fault_vfs *vfs = (fault_vfs *)base;
  fault_file *self = (fault_file *)file;
  self->base.pMethods = NULL;
  self->vfs = vfs;
  self->path = NULL;
  int may_create = (flags & SQLITE_OPEN_CREATE) != 0;
  int code = ask(vfs, FAULT_OPEN, path, 0, NULL, may_create);
  if (code != SQLITE_OK) return code;
  code = vfs->real->xOpen(vfs->real, path, real_of(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  self->path = path == NULL ? NULL : strdup(path);
  self->base.pMethods = &methods;
  tell(vfs, FAULT_OPEN, path, 0, NULL, may_create);
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int sync_directory) {
  fault_vfs *vfs = (fault_vfs *)base;
  int code = ask(vfs, FAULT_DELETE, path, 0, NULL, sync_directory);
  if (code != SQLITE_OK) return code;
  code = vfs->real->xDelete(vfs->real, path, sync_directory);
  if (code == SQLITE_OK) tell(vfs, FAULT_DELETE, path, 0, NULL, sync_directory);
  return code;
}

static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *result) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xAccess(real, path, flags, result);
}
static int vfs_full_pathname(sqlite3_vfs *base, const char *path, int count, char *result) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xFullPathname(real, path, count, result);
}
static int vfs_randomness(sqlite3_vfs *base, int count, char *result) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xRandomness(real, count, result);
}
static int vfs_sleep(sqlite3_vfs *base, int microseconds) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xSleep(real, microseconds);
}
static int vfs_current_time(sqlite3_vfs *base, double *result) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xCurrentTime(real, result);
}
static int vfs_last_error(sqlite3_vfs *base, int count, char *result) {
  sqlite3_vfs *real = ((fault_vfs *)base)->real;
  return real->xGetLastError(real, count, result);
}

int fault_vfs_register(const char *name, void *context, fault_before before, fault_after after) {
  sqlite3_vfs *real = sqlite3_vfs_find(NULL);
  fault_vfs *vfs = calloc(1, sizeof(fault_vfs));
  if (real == NULL || vfs == NULL) return SQLITE_NOMEM;
  vfs->base.iVersion = 1;
  vfs->base.szOsFile = (int)sizeof(fault_file) + real->szOsFile;
  vfs->base.mxPathname = real->mxPathname;
  vfs->base.zName = strdup(name);
  vfs->base.xOpen = vfs_open;
  vfs->base.xDelete = vfs_delete;
  vfs->base.xAccess = vfs_access;
  vfs->base.xFullPathname = vfs_full_pathname;
  vfs->base.xRandomness = vfs_randomness;
  vfs->base.xSleep = vfs_sleep;
  vfs->base.xCurrentTime = vfs_current_time;
  vfs->base.xGetLastError = vfs_last_error;
  vfs->real = real;
  vfs->context = context;
  vfs->before = before;
  vfs->after = after;
  return sqlite3_vfs_register(&vfs->base, 0);
}

void fault_vfs_unregister(const char *name) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(name);
  if (vfs == NULL || vfs->xOpen != vfs_open) return;
  sqlite3_vfs_unregister(vfs);
  free((char *)vfs->zName);
  free(vfs);
}
