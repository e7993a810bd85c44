/// A log in front of the segments. A group is durable once it is in it, and reaches the segment later, in order.
///
/// What a record holds suffices to build the store from it elsewhere. The form that there is now is `CommitJournal`, a
/// file on the same disk.
///
/// A position counts from where the log began, and never goes back. For one thread at a time.
protocol CommitLog: Sendable {
  /// The position of the next record.
  var end: UInt64 { get }
  /// Where a record goes that takes this many bytes.
  ///
  /// - Returns: the positions where it begins and ends; nil if there is no room, because too much is still needed of
  ///   what comes after `kept`.
  func place(of byteCount: Int, keeping kept: UInt64) -> Range<UInt64>?
  /// Adds a record, which is durable when this returns.
  ///
  /// - Parameter place: from `place`.
  func append(_ rows: GroupRows, at place: Range<UInt64>) throws(StoreError)
}
