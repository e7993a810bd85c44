/// A zone whose clocks change on the same days each year, as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct YearlyZone: Sendable {
  /// The second of a year's local time at which clocks change: the last Sunday of March at 2:00.
  private struct Change: Sendable {
    let month: Int
    /// 5 is the last one.
    let week: Int
    /// From Sunday.
    let weekday: Int
    let clock: Int

    func second(of year: Int) -> Int64 {
      let first = CivilTime.day(year, month, 1)
      // 1 January 1970 was a Thursday.
      let firstWeekday = Int((first % 7 + 11) % 7)
      var day = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
      if day >= CalendarTime.dayCount(year, month) { day -= 7 }
      return (first + Int64(day)) * 86_400 + Int64(clock)
    }
  }

  private let standard: Int
  private let summer: (offset: Int, start: Change, end: Change)?

  /// nil for what is not of that form; days without a month are not read.
  init?(_ text: [UInt8]) {
    var scanner = TextScanner(unsafe text.span.bytes)
    guard Self.skipName(&scanner), let west = Self.clock(&scanner) else { return nil }
    standard = -west
    if scanner.isAtEnd {
      summer = nil
      return
    }
    guard Self.skipName(&scanner) else { return nil }
    var offset = standard + 3_600
    if scanner.next != UInt8(ascii: ",") {
      guard let west = Self.clock(&scanner) else { return nil }
      offset = -west
    }
    guard let start = Self.change(&scanner), let end = Self.change(&scanner), scanner.isAtEnd else { return nil }
    summer = (offset, start, end)
  }

  func offset(at second: Int64) -> Int {
    guard let summer else { return standard }
    let year = CivilTime(second: second + Int64(standard)).year
    let start = summer.start.second(of: year) - Int64(standard)
    let end = summer.end.second(of: year) - Int64(summer.offset)
    let isSummer = start < end ? start <= second && second < end : second < end || start <= second
    return isSummer ? summer.offset : standard
  }

  /// `CET`, `<+03>`.
  @_lifetime(scanner: copy scanner)
  private static func skipName(_ scanner: inout TextScanner) -> Bool {
    let start = scanner.offset
    if scanner.take("<") {
      while let byte = scanner.next, byte != UInt8(ascii: ">") { scanner.offset += 1 }
      return scanner.take(">")
    }
    while let byte = scanner.next, byte.isLetter { scanner.offset += 1 }
    return scanner.offset > start
  }

  /// `-1`, `3:30`, in seconds.
  @_lifetime(scanner: copy scanner)
  private static func clock(_ scanner: inout TextScanner) -> Int? {
    let isNegative = scanner.take("-")
    if !isNegative { _ = scanner.take("+") }
    guard let hours = scanner.number(most: 3) else { return nil }
    var seconds = hours * 3_600
    for unit in [60, 1] where scanner.take(":") {
      guard let number = scanner.number(most: 2) else { return nil }
      seconds += number * unit
    }
    return isNegative ? -seconds : seconds
  }

  /// `,M3.5.0/2`.
  @_lifetime(scanner: copy scanner)
  private static func change(_ scanner: inout TextScanner) -> Change? {
    guard scanner.take(","), scanner.take("M"), let month = scanner.number(most: 2), (1...12).contains(month),
      scanner.take("."), let week = scanner.number(most: 1), (1...5).contains(week), scanner.take("."),
      let weekday = scanner.number(most: 1), weekday < 7
    else { return nil }
    guard scanner.take("/") else { return Change(month: month, week: week, weekday: weekday, clock: 7_200) }
    guard let clock = clock(&scanner) else { return nil }
    return Change(month: month, week: week, weekday: weekday, clock: clock)
  }
}
