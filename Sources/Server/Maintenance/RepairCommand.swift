internal import Glibc
internal import LogsStore
internal import LogsText
internal import LogsWire

/// `logsd repair`: saves what is whole of a data directory with damage.
struct RepairCommand {
  static let help = """
    logsd repair - save what is whole of a data directory with damage

    usage: logsd repair DIR --dry-run
           logsd repair DIR [--discard]

    The server must not run. Damaged segments are made anew of the batches that
    pass their checks; what is well is not touched. The damaged files stay in
    DIR/damaged. Lines on stdout say what is damaged and which numbers are lost;
    to readers these are gaps with a reason, as before. If the newest segment
    was damaged, the last numbers may be given to other entries: streams get new
    incarnations then, so that followers hear of it.

    A backup is better: logsd restore. Of a disk that fails, copy what can be
    read to another one first.

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Exit codes: 0 done, or nothing is damaged; 1 failed, or with --dry-run there
    is something to do; 2 wrong usage.
    """

  private static let options = [
    Option("dry-run", help: "say what would be done, and change nothing"),
    Option("discard", help: "do not keep the damaged files"),
    Option("output", ["o"], form: "FORM", help: "text, or json (an object a line) [text]"),
    Option("help", ["h"], help: "this page"),
  ]

  /// The words after `repair`.
  static func run(_ words: [String]) -> Int32 {
    MaintenanceRun("repair").run { () throws(MaintenanceFailure) in
      guard let arguments = try MaintenanceRun.arguments(words, options, "repair", help) else { return 0 }
      let directory = try MaintenanceRun.operands(arguments, ["DIR"], "repair")[0]
      let output = FindingOutput(isJSON: try FindingOutput.isJSON(arguments, "repair"))
      let isDryRun = arguments.has("dry-run")
      do throws(StoreError) {
        var repair = try StoreRepair(
          directory: directory, isDryRun: isDryRun, keepsDamaged: !arguments.has("discard"))
        let summary = try repair.run { output.write($0) }
        for line in Self.words(summary, directory, isDryRun: isDryRun, keepsDamaged: !arguments.has("discard")) {
          output.say("logsd repair: \(line)")
        }
        return isDryRun && !summary.isNothingDamaged ? 1 : 0
      } catch {
        throw MaintenanceFailure(error)
      }
    }
  }

  private static func words(
    _ summary: StoreRepair.Summary, _ directory: String, isDryRun: Bool, keepsDamaged: Bool
  ) -> [String] {
    if summary.isNothingDamaged { return ["nothing is damaged in \(directory), and nothing was changed"] }
    var lines: [String] = []
    let list = summary.rebuiltSegments.map(String.init).joined(separator: ", ")
    if !summary.rebuiltSegments.isEmpty {
      lines.append(
        """
        segment \(list) \(isDryRun ? "would be" : "is") made anew of what is whole, \
        \(Figures.groupedCount(Int(clamping: summary.savedEntryCount), "entry", "entries"))
        """)
    }
    if summary.isStoreRebuilt {
      lines.append(
        "\(summary.newest.map { "segment \($0) comes next, and e" } ?? "the file 'store' is made anew, and e")ach "
          + "stream gets a new incarnation at the next start")
    }
    if isDryRun {
      lines.append("nothing was changed; without --dry-run it is done")
    } else if keepsDamaged {
      lines.append("the damaged files are in \(directory)/damaged; remove them when you need them no more")
    }
    return lines
  }
}
