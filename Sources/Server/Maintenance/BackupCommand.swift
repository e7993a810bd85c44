internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logsd backup`: copies a data directory, whether a server runs on it or not.
struct BackupCommand {
  static let help = """
    logsd backup - copy a data directory, also while its server runs

    usage: logsd backup DIR BACKUP [--link] [--verify]

    BACKUP is made, or brought up to date: only segments that are new or have
    changed are copied, and those that retention has removed go. It shows one
    moment; all that was acknowledged before the call is in it. A crash leaves
    the backup before, or the new one. Clients notice nothing.

    BACKUP is a data directory itself: logsd --data BACKUP starts on it, logsd
    sql BACKUP reads it, logsd check BACKUP verifies it. To keep it as a backup,
    make a data directory of it with: logsd restore BACKUP DIR

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Examples:
      logsd backup /var/lib/logs /backup/logs && logsd check /backup/logs

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """

  private static let options = [
    Option(
      "link",
      help: "where both are on one file system, sealed segments become further names of the same files: no space, no "
        + "time, and no help against a damaged disk"),
    Option(
      "verify",
      help: "read everything that stays in BACKUP, and copy anew what is not as it was; otherwise only what has "
        + "another size, or was written to since"),
    Option("help", ["h"], help: "this page"),
  ]

  /// The words after `backup`.
  static func run(_ words: [String]) -> Int32 {
    MaintenanceRun("backup").run { () throws(MaintenanceFailure) in
      guard let arguments = try MaintenanceRun.arguments(words, options, "backup", help) else { return 0 }
      let directories = try MaintenanceRun.operands(arguments, ["DIR", "BACKUP"], "backup")
      do throws(StoreError) {
        var backup = try StoreBackup(
          of: directories[0], to: directories[1], usesLinks: arguments.has("link"), readsKept: arguments.has("verify"))
        let summary = try backup.run()
        let (size, copied) = (
          ByteSize.rounded(UInt64(summary.byteCount)), ByteSize.rounded(UInt64(summary.copiedByteCount))
        )
        Output.write(
          PrintableText.escaped(
            """
            \(directories[1]) is \(directories[0]) as of \(Timestamp.rfc3339(summary.madeAt)): \
            \(Figures.groupedCount(summary.segmentCount, "segment", "segments")), \
            \(size); \(summary.copiedSegmentCount) new or changed (\(copied) copied), \
            \(summary.removedSegmentCount) removed
            """), to: STDOUT_FILENO)
        guard summary.missing.isEmpty, summary.kept.isEmpty, summary.replaced.isEmpty else {
          let (missing, kept) = (Self.list(summary.missing), Self.list(summary.kept))
          let changed =
            summary.replaced.isEmpty
            ? ""
            : """
            ; in \(directories[1]) files had changed since they were made, and are copied anew: segment \
            \(Self.list(summary.replaced)), look at its disk
            """
          let lacks = missing.isEmpty ? "" : ", but lacks what \(directories[0]) lacks: segment \(missing)"
          let keeps =
            kept.isEmpty ? "" : "; it keeps from before what \(directories[0]) has lost: segment \(kept)"
          throw StoreError(
            .missingSegment, "the backup is made\(lacks)\(keeps)\(changed); see logsd check \(directories[0])")
        }
        return 0
      } catch {
        throw MaintenanceFailure(error)
      }
    }
  }

  private static func list(_ numbers: [Int64]) -> String {
    numbers.prefix(10).map(String.init).joined(separator: ", ")
  }
}
