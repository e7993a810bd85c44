internal import LogsSystem
internal import LogsWire

/// Looks at the WAL of the newest segment, which no server uses: for SQLite it ends where it is damaged, and what comes
/// behind that is not there.
///
/// A power loss leaves the same, of transactions that were not synced: they were not acknowledged, or are in the
/// journal. So this is no damage for sure, and refuses no start.
struct WALCheck {
  /// Transactions behind the end.
  let unreachedCount: Int

  /// - Parameter content: nil if there is none.
  init(_ content: [UInt8]?) { unreachedCount = content.flatMap(WALPages.init)?.unreachedCommitCount ?? 0 }

  var text: String {
    """
    it ends for SQLite before \(Figures.count(unreachedCount, "whole transaction", "whole transactions")): after a \
    loss of power these were not acknowledged or are in the journal, otherwise it is damaged and they are lost
    """
  }

  /// Of a directory that no server uses.
  static func finding(_ survey: DirectorySurvey) -> Finding? {
    let path = "\(survey.paths.segment(survey.newest))-wal"
    let check: WALCheck
    // What cannot be read here, SQLite cannot read either.
    do throws(FileError) { check = WALCheck(try survey.files.read(path)) } catch { return nil }
    guard check.unreachedCount > 0 else { return nil }
    return Finding(.note, "\(DirectorySurvey.name(survey.newest))-wal", check.text)
  }
}
