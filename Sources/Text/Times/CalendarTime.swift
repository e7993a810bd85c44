internal import Glibc

/// A time as a calendar and a clock show it.
struct CalendarTime {
  /// The zone as given in a text.
  enum Zone {
    case unsaid
    case offset(seconds: Int)
    /// `UTC`, `CEST`.
    case named(String)
  }

  /// nil if the text leaves it out, as syslog does.
  var year: Int?
  var month = 1
  var day = 1
  var hour = 0
  var minute = 0
  var second = 0
  var nanosecond: Int64 = 0
  var zone = Zone.unsaid

  var hasZone: Bool { if case .unsaid = zone { false } else { true } }

  /// Nanoseconds since 1970; nil for a day or an hour that does not exist, for an unknown zone, and if it does not fit.
  func nanoseconds(_ rules: TimeRules) -> Int64? {
    guard hasClock else { return nil }
    guard let year else { return nearest(rules) }
    guard let seconds = seconds(year, rules.zone) else { return nil }
    // Towards 1970 first: of the first second that fits, only the end does.
    let (whole, rest) = seconds < 0 ? (seconds + 1, nanosecond - 1_000_000_000) : (seconds, nanosecond)
    let (product, isTooFar) = whole.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isTooLarge) = product.addingReportingOverflow(rest)
    return isTooFar || isTooLarge ? nil : sum
  }

  /// The same for the time of an entry: nil unless it is after 1970. 0 would mean no time, and clocks that were never
  /// set show earlier times.
  func entryTime(_ rules: TimeRules) -> Int64? { nanoseconds(rules).flatMap { $0 > 0 ? $0 : nil } }

  /// The time in the year that puts it nearest to now.
  private func nearest(_ rules: TimeRules) -> Int64? {
    let thisYear = Self.year(ofDay: rules.now / 86_400_000_000_000)
    func nearest(_ years: ClosedRange<Int>) -> Int64? {
      let candidates = years.compactMap { year in
        var dated = self
        dated.year = year
        return dated.nanoseconds(rules)
      }
      return candidates.min { Self.distance($0, rules.now) < Self.distance($1, rules.now) }
    }
    // 29 February comes every fourth year, sometimes every eighth.
    return nearest(thisYear - 1...thisYear + 1) ?? nearest(thisYear - 8...thisYear + 8)
  }

  /// `2026-01-10`; nil for a day that does not exist.
  var dayText: String? {
    guard let year, hasDay(in: year) else { return nil }
    return "\(year)-\(Self.twoDigits(month))-\(Self.twoDigits(day))"
  }

  /// `12:00`; nil for a time that no clock shows.
  var clockText: String? {
    guard hasClock else { return nil }
    return "\(Self.twoDigits(hour)):\(Self.twoDigits(minute))"
  }

  private var hasClock: Bool { hour < 24 && minute < 60 && second <= 60 }

  private func hasDay(in year: Int) -> Bool {
    (1...9999).contains(year) && (1...12).contains(month) && (1...Self.dayCount(year, month)).contains(day)
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func distance(_ left: Int64, _ right: Int64) -> UInt64 {
    let (difference, isTooFar) = left.subtractingReportingOverflow(right)
    return isTooFar ? .max : difference.magnitude
  }

  private func seconds(_ year: Int, _ rule: TimeZoneRule) -> Int64? {
    guard hasDay(in: year) else { return nil }
    let clock = Int64(hour * 3_600 + minute * 60 + second)
    let utc = CivilTime.day(year, month, day) * 86_400 + clock
    switch (zone, rule) {
    case (.offset(let offset), _), (.unsaid, .offset(let offset)): return utc - Int64(offset)
    case (.named(let name), .local):
      // Names of zones are not unique: CST is also China's. The local zone comes first, since its users mean that one.
      let local = localTime(year)
      if local.name == name { return local.seconds }
      return Self.offsets[name].map { utc - Int64($0) }
    case (.named(let name), .offset):
      if let offset = Self.offsets[name] { return utc - Int64(offset) }
      let local = localTime(year)
      return local.name == name ? local.seconds : nil
    case (.unsaid, .local): return localTime(year).seconds
    }
  }

  /// The zones that RFC 822 names.
  private static let offsets = [
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "EST": -18_000, "EDT": -14_400, "CST": -21_600, "CDT": -18_000,
    "MST": -25_200, "MDT": -21_600, "PST": -28_800, "PDT": -25_200,
  ]

  /// - Parameter isSummer: 1 for summer time, 0 for standard time, -1 for whichever it is.
  private func localTime(_ year: Int, isSummer: Int32 = -1) -> (seconds: Int64, name: String) {
    var time = unsafe tm()
    unsafe time.tm_year = Int32(year - 1900)
    unsafe time.tm_mon = Int32(month - 1)
    unsafe time.tm_mday = Int32(day)
    unsafe time.tm_hour = Int32(hour)
    unsafe time.tm_min = Int32(minute)
    unsafe time.tm_sec = Int32(second)
    unsafe time.tm_isdst = isSummer
    let seconds = unsafe mktime(&time)
    return (Int64(seconds), unsafe time.tm_zone.map { unsafe String(cString: $0) } ?? "")
  }

  /// When the local clock shows this, in nanoseconds since 1970, ascending: usually once, twice when clocks are set
  /// back, never where they are set forward, or for a day that does not exist.
  func localCandidates() -> [Int64] {
    guard let year, nanoseconds(TimeRules(zone: .utc, now: 0)) != nil else { return [] }
    var times: [Int64] = []
    for isSummer in [-1, 0, 1] as [Int32] {
      let seconds = localTime(year, isSummer: isSummer).seconds
      let (whole, isTooFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
      let (time, isTooLarge) = whole.addingReportingOverflow(nanosecond)
      guard !isTooFar, !isTooLarge, !times.contains(time) else { continue }
      let shown = CalendarTime(time, isUTC: false)
      if (shown.day, shown.hour, shown.minute) == (day, hour, minute) { times.append(time) }
    }
    return times.sorted()
  }

  static func dayCount(_ year: Int, _ month: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func year(ofDay day: Int64) -> Int {
    var year = 1970 + Int(day / 366)
    while year < 9999, CivilTime.day(year + 1, 1, 1) <= day { year += 1 }
    return year
  }
}

extension CalendarTime {
  /// The calendar time of a time in nanoseconds since 1970.
  init(_ nanoseconds: Int64, isUTC: Bool) {
    // Rounded down, so the fraction is never negative.
    let (whole, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    var seconds = time_t(fraction < 0 ? whole - 1 : whole)
    var time = unsafe tm()
    if isUTC { unsafe gmtime_r(&seconds, &time) } else { unsafe localtime_r(&seconds, &time) }
    unsafe self.init(
      year: Int(time.tm_year) + 1900, month: Int(time.tm_mon) + 1, day: Int(time.tm_mday), hour: Int(time.tm_hour),
      minute: Int(time.tm_min), second: Int(time.tm_sec), nanosecond: fraction < 0 ? fraction + 1_000_000_000 : fraction
    )
  }
}
