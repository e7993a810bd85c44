internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logsd check`: looks at everything in a data directory or a backup, and changes nothing.
struct CheckCommand {
  static let help = """
    logsd check - is everything in a data directory as it was written?

    usage: logsd check DIR [-o text|json]

    Looks at every segment (its structure, the checks of all batches, every
    number, marks, indexes), the journal, the file store and the tokens; in a
    backup also at every file's checksum. Nothing is changed, and a server may
    run on the directory: the newest segment is then looked at as it is at one
    moment. A line on stdout for each finding:

      damage  it is not what was written, or is missing
      lost    numbers that an earlier repair has given up
      note    it does no harm

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Exit codes: 0 no damage, 1 damage, 2 wrong usage or it cannot be read.
    """

  private static let options = [
    Option("output", ["o"], form: "FORM", help: "text, or json (an object a line) [text]"),
    Option("help", ["h"], help: "this page"),
  ]

  /// The words after `check`.
  static func run(_ words: [String]) -> Int32 {
    MaintenanceRun("check").run { () throws(MaintenanceFailure) in
      let arguments = try MaintenanceRun.arguments(words, options, "check", help)
      guard let arguments else { return 0 }
      let directory = try MaintenanceRun.operands(arguments, ["DIR"], "check")[0]
      let isJSON = try FindingOutput.isJSON(arguments, "check")
      do throws(StoreError) {
        return try run(directory, FindingOutput(isJSON: isJSON)) ? 0 : 1
      } catch {
        throw MaintenanceFailure(error.description, code: 2)
      }
    }
  }

  /// - Returns: whether there is no damage.
  private static func run(_ directory: String, _ output: FindingOutput) throws(StoreError) -> Bool {
    var check = try StoreCheck(directory: directory)
    var damageCount = 0
    var lostCount = 0
    let report = { (finding: Finding) in
      if finding.kind == .damage { damageCount += 1 }
      if finding.kind == .lost { lostCount += 1 }
      output.write(finding)
    }
    try check.run(report)
    do throws(SettingError) { _ = try TokenFile(directory: directory).read() } catch {
      report(Finding(.damage, TokenFile.name, error.description))
    }
    let summary = check.summary
    let looked = [
      Figures.groupedCount(summary.segmentCount, "segment", "segments"),
      Figures.groupedCount(summary.streamCount, "stream", "streams"),
      Figures.groupedCount(Int(clamping: summary.entryCount), "entry", "entries"),
      ByteSize.rounded(UInt64(summary.byteCount)),
    ].joined(separator: ", ")
    let lost = lostCount > 0 ? "; \(Figures.count(lostCount, "range is", "ranges are")) lost since a repair" : ""
    guard damageCount > 0 else {
      output.say("logsd check: \(looked): no damage\(lost)")
      return true
    }
    output.say(
      """
      logsd check: \(looked): \(Figures.count(damageCount, "damage", "damages"))\(lost). \(try advice(directory))
      """)
    return false
  }

  /// What to do about damage.
  private static func advice(_ directory: String) throws(StoreError) -> String {
    do throws(StoreError) {
      if let kind = try BackupCheck.kind(directory) { return kind.rescue }
    } catch {
      // It is a backup, if its manifest is only damaged.
      guard error.code == .damaged else { throw error }
      return error.description
    }
    return """
      Restore \(directory) from a backup (logsd restore), or see what can be saved with: logsd repair \(directory) \
      --dry-run
      """
  }
}
