#include <sqlite3.h>

/// SQLITE_TRANSIENT and SQLITE_STATIC are casts that Swift cannot import.
static inline sqlite3_destructor_type logs_sqlite_static(void) { return SQLITE_STATIC; }
static inline sqlite3_destructor_type logs_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// sqlite3_db_config is variadic, which Swift cannot call.
static inline int logs_sqlite_set_checkpoint_on_close(sqlite3 *db, int is_wanted) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !is_wanted, (int *)0);
}
