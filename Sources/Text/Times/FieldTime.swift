internal import LogsWire

/// Reads the time in the value of a field: a plausible time on a day that exists, or none.
enum FieldTime {
  /// 2000 to 2100: a number is within these years in at most one of the units seconds, milli-, micro- and nanoseconds.
  private static let plausible: Range<Int64> = 946_684_800_000_000_000..<4_102_444_800_000_000_000

  static func nanoseconds(_ value: AttributeValue, _ rules: TimeRules) -> Int64? {
    switch value {
    case .string(let text): unsafe nanoseconds(text.utf8.span.bytes, rules)
    case .integer(let number): nanoseconds(number, rules)
    // The shortest form of a double has the digits as they were written.
    case .double(let number): number.isFinite ? scaled(Decimal("\(number)")) : nil
    case .map(let members): nanoseconds(members, rules)
    case .empty, .boolean, .list, .bytes: nil
    }
  }

  static func nanoseconds(_ text: RawSpan, _ rules: TimeRules) -> Int64? {
    guard let time = calendarTime(text) else { return number(text, rules) }
    return time.entryTime(rules)
  }

  private static func number(_ text: RawSpan, _ rules: TimeRules) -> Int64? {
    guard let decimal = Decimal(text) else { return nil }
    // Digits without a point and an exponent may be a date.
    if text.byteCount == 14 || text.byteCount == 17, text.firstIndex(of: UInt8(ascii: ".")) == nil,
      let number = decimal.scaled(by: 0), let time = compact(number, rules)
    {
      return time
    }
    return scaled(decimal)
  }

  private static func nanoseconds(_ number: Int64, _ rules: TimeRules) -> Int64? {
    for unit in [1_000_000_000, 1_000_000, 1_000, 1] as [Int64] {
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit)
      if !isTooLarge, plausible.contains(product) { return product }
    }
    return compact(number, rules)
  }

  private static func scaled(_ decimal: Decimal?) -> Int64? {
    guard let decimal else { return nil }
    for power in [9, 6, 3, 0] {
      if let nanoseconds = decimal.scaled(by: power), plausible.contains(nanoseconds) { return nanoseconds }
    }
    return nil
  }

  /// 20240115123045 or 20240115123045678: date and time in digits, with milliseconds if there are 17.
  private static func compact(_ number: Int64, _ rules: TimeRules) -> Int64? {
    var rest: Int64
    var milliseconds: Int64 = 0
    switch number {
    case 20_000_101_000_000...20_991_231_235_959: rest = number
    case 20_000_101_000_000_000...20_991_231_235_959_999:
      (rest, milliseconds) = number.quotientAndRemainder(dividingBy: 1_000)
    default: return nil
    }
    func take() -> Int {
      defer { rest /= 100 }
      return Int(rest % 100)
    }
    let (second, minute, hour, day, month) = (take(), take(), take(), take(), take())
    let time = CalendarTime(
      year: Int(rest), month: month, day: day, hour: hour, minute: minute, second: second,
      nanosecond: milliseconds * 1_000_000)
    return time.entryTime(rules)
  }

  /// Separate seconds and nanoseconds, as in log4j 2 and Google's protocol buffers, and MongoDB's `{"$date": ...}`.
  private static func nanoseconds(_ members: [LogAttribute], _ rules: TimeRules) -> Int64? {
    if members.count == 1, members[0].key == "$date" || members[0].key == "$numberLong" {
      return nanoseconds(members[0].value, rules)
    }
    var seconds: Int64?
    var fraction: Int64 = 0
    for member in members {
      guard case .integer(let number) = member.value else { return nil }
      switch member.key {
      case "epochSecond", "seconds": seconds = number
      case "nanoOfSecond", "nanos": fraction = number
      default: return nil
      }
    }
    guard let seconds, (0..<1_000_000_000).contains(fraction) else { return nil }
    let (product, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isTooFar) = product.addingReportingOverflow(fraction)
    return !isTooLarge && !isTooFar && plausible.contains(sum) ? sum : nil
  }

  /// The formats that begin with a date. The whole text must match; a date alone is not a time.
  private static func calendarTime(_ text: RawSpan) -> CalendarTime? {
    var scanner = TextScanner(text)
    guard let first = scanner.next else { return nil }
    if first.isDigit {
      if var time = scanner.isoDateTime(), scanner.spacedZone(&time) { return time }
      scanner.offset = 0
      if let time = scanner.accessTime(), scanner.isAtEnd { return time }
      scanner.offset = 0
      return mailTime(&scanner)
    }
    guard first.isLetter else { return nil }
    if scanner.weekday() {
      let behindWeekday = scanner.offset
      if let time = mailTime(&scanner) { return time }
      scanner.offset = behindWeekday
    } else {
      scanner.offset = 0
    }
    return systemTime(&scanner)
  }

  /// `10 Jan 2026 12:00:00 +0100`, as in RFC 822 and HTTP.
  @_lifetime(scanner: copy scanner)
  private static func mailTime(_ scanner: inout TextScanner) -> CalendarTime? {
    guard let day = scanner.number(most: 2), scanner.take(" "), let month = scanner.month(), scanner.take(" "),
      let year = scanner.digits(4), scanner.take(" ")
    else { return nil }
    var time = CalendarTime(year: year, month: month, day: day)
    return scanner.clock(&time) && scanner.spacedZone(&time) ? time : nil
  }

  /// `Jan 10 12:00:00`, perhaps with a year and a zone, as in `ctime` and `date`: `Jan 10 12:00:00 UTC 2026`.
  @_lifetime(scanner: copy scanner)
  private static func systemTime(_ scanner: inout TextScanner) -> CalendarTime? {
    guard var time = scanner.monthDayClock() else { return nil }
    if scanner.isAtEnd { return time }
    guard scanner.take(" ") else { return nil }
    if let name = scanner.next, name.isUppercase {
      guard let range = scanner.word(), let zone = scanner.bytes.string(range) else { return nil }
      time.zone = .named(zone)
    }
    guard let year = scanner.digits(4), scanner.isAtEnd else { return nil }
    time.year = year
    return time
  }
}
