/// A log in front of the segments. A group is durable once it is in it, and reaches the segment later, in order.
///
/// What a record holds suffices to build the store from it elsewhere. The form that there is now is `CommitJournal`, a
/// file on the same disk.
///
/// A position counts from where the log began, and never goes back.
protocol CommitLog: Sendable {
  /// The position behind the last record. For any thread.
  var end: UInt64 { get }
  /// Whether a record of this many bytes has room while everything from `kept` on is still needed. For any thread.
  func hasRoom(for byteCount: Int, keeping kept: UInt64) -> Bool
  /// Adds a record, which is durable when this returns. For one thread at a time.
  ///
  /// - Returns: false if it is too large, or there is no room while everything from `kept` on is still needed.
  func append(_ rows: GroupRows, keeping kept: UInt64) throws(StoreError) -> Bool
}
