internal import Glibc
internal import LogsStore
internal import LogsText
internal import LogsWire

/// `logsd restore`: makes a data directory of a backup.
struct RestoreCommand {
  static let help = """
    logsd restore - make a data directory of a backup

    usage: logsd restore BACKUP DIR [--same-store]

    DIR is made, or is empty. Every file is compared with its checksum; if one
    is not what was backed up, nothing is restored. The backup stays as it is.

    Clients may have seen entries that the backup has not, and their numbers
    will be given to others. So each stream gets a new incarnation at the next
    start: followers hear that it was replaced, and no number silently means
    another entry.

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Examples:
      logsd restore /backup/logs /var/lib/logs

    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """

  private static let options = [
    Option(
      "same-store",
      help: "the streams stay the same to clients, who go on where they were. Only if nothing was stored after the "
        + "backup was made, as when the server was stopped before it"),
    Option("help", ["h"], help: "this page"),
  ]

  /// The words after `restore`.
  static func run(_ words: [String]) -> Int32 {
    MaintenanceRun("restore").run { () throws(MaintenanceFailure) in
      guard let arguments = try MaintenanceRun.arguments(words, options, "restore", help) else { return 0 }
      let directories = try MaintenanceRun.operands(arguments, ["BACKUP", "DIR"], "restore")
      do throws(StoreError) {
        let restore = try StoreRestore(of: directories[0], to: directories[1])
        let keepsIncarnations = arguments.has("same-store")
        let summary = try restore.run(keepsIncarnations: keepsIncarnations)
        Output.write(
          PrintableText.escaped(
            """
            \(directories[1]) is what \(directories[0]) has as of \(Timestamp.rfc3339(summary.madeAt)): \
            \(Figures.groupedCount(summary.segmentCount, "segment", "segments")), \
            \(ByteSize.rounded(UInt64(summary.byteCount)))\
            \(keepsIncarnations ? "" : "; its streams get new incarnations at the next start")
            """), to: STDOUT_FILENO)
        return 0
      } catch {
        throw MaintenanceFailure(error)
      }
    }
  }
}
