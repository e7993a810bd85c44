#include <sqlite3.h>
/* Without its macros, which would have all functions called through the table that an extension gets. */
#define SQLITE_CORE 1
#include <sqlite3ext.h>

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

/// Whether the functions that an extension is handed are those of the library that this is linked with.
static inline int logs_sqlite_is_hosts(const void *routines) {
  const sqlite3_api_routines *api = (const sqlite3_api_routines *)routines;
  return api && api->libversion_number == sqlite3_libversion_number && api->open_v2 == sqlite3_open_v2 &&
         api->create_module_v2 == sqlite3_create_module_v2;
}

/// SQLITE_OK_LOAD_PERMANENTLY is an expression that Swift cannot import.
static inline int logs_sqlite_loaded_permanently(void) { return SQLITE_OK_LOAD_PERMANENTLY; }
