/// An open database that somebody else owns.
package protocol SQLRunner: AnyObject {
  /// Runs statements, in a transaction or as transactions of their own.
  func execute(_ sql: String) throws(SQLiteError)
  func prepare(_ sql: String) throws(SQLiteError) -> Statement
}

extension WALDatabase: SQLRunner {}
