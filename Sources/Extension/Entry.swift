internal import LogsSQL

/// Where SQLite enters `logs.so`: the function that it calls when a program loads the library, whatever its name is
/// (https://www.sqlite.org/loadext.html).
@_cdecl("sqlite3_extension_init")
public func beginExtension(
  _ connection: OpaquePointer?, _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ routines: UnsafeRawPointer?
) -> Int32 { unsafe SQLExtension.begin(connection, message, routines) }
