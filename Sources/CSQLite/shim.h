#include <sqlite3.h>

/// SQLITE_TRANSIENT and SQLITE_STATIC are casts that Swift cannot import.
static inline sqlite3_destructor_type logs_sqlite_static(void) { return SQLITE_STATIC; }
