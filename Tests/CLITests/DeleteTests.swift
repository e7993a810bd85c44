import LogsText
import LogsWire
import Testing

@testable import LogsCLI

/// `logs delete` without a server.
@Suite struct DeleteTests {
  private func numbers(_ line: String) throws -> ClosedRange<UInt64>? {
    let words = line.split(separator: " ").map(String.init)
    return try DeleteCommand.numbers(Arguments(words, options: DeleteCommand.command.options, help: ""))
  }

  @Test func `flags name a range, and without any it is the whole stream`() throws {
    #expect(try numbers("web") == nil)
    #expect(try numbers("web --before-seq 5000") == 1...4999)
    #expect(try numbers("web --before-seq 2") == 1...1)
    #expect(try numbers("web --from-seq 10 --to-seq 20") == 10...20)
    #expect(try numbers("web --to-seq 20") == 1...20)
    #expect(try numbers("web --from-seq 7 --to-seq 7") == 7...7)
    #expect(try numbers("web --from-seq 7") == 7...Limits.numberMax)
  }

  @Test(arguments: [
    ("web --before-seq 1", "before-seq"), ("web --before-seq x", "before-seq"), ("web --from-seq 0", "from-seq"),
    ("web --to-seq 0", "to-seq"), ("web --from-seq 3 --to-seq 2", "empty"),
    ("web --before-seq 9 --to-seq 5", "excludes"), ("web --before-seq 9 --from-seq 5", "excludes"),
  ])
  func `a range that cannot be is a usage error`(line: String, word: String) {
    let error = #expect(throws: CommandError.self) { try numbers(line) }
    #expect(error?.exitCode == ExitCode.usage && error?.description.contains(word) == true)
  }

  @Test(arguments: [
    ("delete --yes", "stream"), ("delete a b --yes", "one stream"), ("delete a* --yes", "name"),
    ("delete $audit --yes", "$"), ("delete web --yes --dry-run", "exclude"), ("delete web --yes -o xml", "json"),
    ("delete web --yes --from-seq 9223372036854775808", "empty"),
    ("delete web --yes --to-seq 9223372036854775808", "9223372036854775807"),
  ])
  func `a mistake in the arguments is found before anything is sent`(line: String, word: String) async {
    let words = line.split(separator: " ").map(String.init) + ["--server", "logs://127.0.0.1:1"]
    do {
      _ = try await CommandLineTool.dispatch(words)
      Issue.record("no error")
    } catch {
      let text = CommandLineTool.text(of: error)
      #expect(CommandLineTool.exitCode(of: error) == ExitCode.usage && text.contains(word), "\(text)")
    }
  }

  private func outcome(
    _ numbers: ClosedRange<UInt64>?, _ entryCount: UInt64, _ byteCount: UInt64, isWhole: Bool, isDryRun: Bool = false
  ) -> DeleteCommand.Outcome {
    DeleteCommand.Outcome(
      stream: StreamName(stored: "web"), isWhole: isWhole, isDryRun: isDryRun,
      summary: DeletionSummary(
        incarnation: Incarnation(255), numbers: numbers, entryCount: entryCount, byteCount: byteCount))
  }

  @Test func `it says what goes`() {
    #expect(
      outcome(1...4999, 4999, 1_258_291, isWhole: false).announcement(of: 1...5000)
        == "deletes 4999 entries of 'web' (1 to 4999, about 1.2 MiB compressed)")
    #expect(
      outcome(7...7, 1, 90, isWhole: true, isDryRun: true).announcement(of: nil)
        == "would delete 1 entry of 'web' (7 to 7, about 90 bytes compressed) and the stream itself: "
        + "its name is free afterwards"
    )
    #expect(
      outcome(nil, 0, 0, isWhole: true).announcement(of: nil)
        == "deletes the stream 'web', which has no entries: its name is free afterwards")
    let nothing = outcome(nil, 0, 0, isWhole: false)
    #expect(nothing.isNothing)
    #expect(nothing.announcement(of: 3...9) == "nothing to delete: 'web' has no entries from 3 to 9")
    #expect(
      nothing.announcement(of: 3...Limits.numberMax) == "nothing to delete: 'web' has no entries from 3 on")
  }

  @Test func `its result is a row, and an object for programs`() {
    let rows = [outcome(1...4999, 4000, 1_250_000, isWhole: true), outcome(nil, 0, 0, isWhole: false, isDryRun: true)]
    let columns = DeleteCommand.Outcome.columns
    #expect(
      Table(rows, columns, zone: .utc).text(columnCount: nil) == """
        NAME  FIRST  LAST  ENTRIES    BYTES
        web       1  4999     4000  1250000
        web       -     -        0        0
        """)
    #expect(
      String(decoding: Report(rows, columns, zone: .utc).json, as: UTF8.self) == """
        {"name":"web","incarnation":"00000000000000ff","first":1,"last":4999,"entries":4000,"bytes":1250000,\
        "whole":true,"dry_run":false}
        {"name":"web","incarnation":"00000000000000ff","first":null,"last":null,"entries":0,"bytes":0,\
        "whole":false,"dry_run":true}

        """)
  }

  @Test func `only y and yes are a yes`() {
    for answer in ["y", "Y", "yes", "YES", " y \r"] { #expect(Terminal.isYes(answer), "\(answer)") }
    for answer in ["", "n", "no", "yy", "y n", "ja", "true"] { #expect(!Terminal.isYes(answer), "\(answer)") }
  }
}
