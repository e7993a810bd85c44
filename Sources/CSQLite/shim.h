#include <sqlite3.h>

/// SQLITE_TRANSIENT and SQLITE_STATIC are casts that Swift cannot import.
static inline sqlite3_destructor_type logs_sqlite_static(void) { return SQLITE_STATIC; }
static inline sqlite3_destructor_type logs_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// sqlite3_db_config is variadic, which Swift cannot call.
static inline int logs_sqlite_set_checkpoint_on_close(sqlite3 *db, int is_wanted) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !is_wanted, (int *)0);
}

/// For SQL that strangers write: the schema cannot be changed behind SQLite's back, what the schema names is not
/// trusted, and text in double quotes is a name, never a string.
static inline int logs_sqlite_restrict(sqlite3 *db) {
  int code = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
  if (code == SQLITE_OK) code = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
  if (code == SQLITE_OK) code = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)0);
  if (code == SQLITE_OK) code = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
  if (code == SQLITE_OK) code = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
  return code;
}
