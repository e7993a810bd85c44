/// The parts of written times. Each function takes what it reads; after nil the position is undefined.
extension TextScanner {
  /// `2026-01-10` or `2026/01/10`.
  @_lifetime(self: copy self)
  mutating func isoDate() -> CalendarTime? {
    guard let year = digits(4), let separator = next, take("-") || take("/"), let month = digits(2),
      next == separator
    else { return nil }
    offset += 1
    guard let day = digits(2) else { return nil }
    return CalendarTime(year: year, month: month, day: day)
  }

  /// RFC 3339 and similar formats: `2026-01-10T12:00:00.5+01:00`, `2026-01-10 12:00`, `20260110T120000Z`; the zone may
  /// be missing.
  @_lifetime(self: copy self)
  mutating func isoDateTime() -> CalendarTime? {
    if byte(ahead: 8) == UInt8(ascii: "T"), let year = digits(4), let month = digits(2), let day = digits(2) {
      offset += 1
      guard let hour = digits(2), let minute = digits(2), let second = digits(2), let fraction = fraction() else {
        return nil
      }
      var time = CalendarTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
      time.nanosecond = fraction
      return attachedZone(&time) ? time : nil
    }
    guard var time = isoDate(), take("T") || take("t") || take(" "), clock(&time), attachedZone(&time) else {
      return nil
    }
    return time
  }

  /// `12:00`, `12:00:00`, `12:00:00.5`, `12:00:00,5`.
  @_lifetime(self: copy self)
  mutating func clock(_ time: inout CalendarTime) -> Bool {
    guard let hour = digits(2), take(":"), let minute = digits(2) else { return false }
    time.hour = hour
    time.minute = minute
    guard take(":") else { return true }
    guard let second = digits(2), let fraction = fraction() else { return false }
    time.second = second
    time.nanosecond = fraction
    return true
  }

  /// The digits after a point or a comma, in nanoseconds; those after the ninth are ignored. 0 without a point.
  @_lifetime(self: copy self)
  private mutating func fraction() -> Int64? {
    guard take(".") || take(",") else { return 0 }
    var value: Int64 = 0
    var count = 0
    while let byte = next, byte.isDigit {
      if count < 9 { value = value * 10 + Int64(byte - UInt8(ascii: "0")) }
      count += 1
      offset += 1
    }
    guard count > 0 else { return nil }
    for _ in min(count, 9)..<9 { value *= 10 }
    return value
  }

  /// The zone that follows without a space, if one does.
  @_lifetime(self: copy self)
  private mutating func attachedZone(_ time: inout CalendarTime) -> Bool {
    switch next {
    case UInt8(ascii: "Z"), UInt8(ascii: "z"):
      offset += 1
      time.zone = .offset(seconds: 0)
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      guard let seconds = zoneOffset() else { return false }
      time.zone = .offset(seconds: seconds)
    default: break
    }
    return true
  }

  /// `+02:00`, `+0200` or `+02`, in seconds.
  @_lifetime(self: copy self)
  mutating func zoneOffset() -> Int? {
    let isEast = take("+")
    guard isEast || take("-"), let hours = digits(2) else { return nil }
    let hasColon = take(":")
    var minutes = 0
    if hasColon || next?.isDigit == true {
      guard let read = digits(2) else { return nil }
      minutes = read
    }
    guard hours < 24, minutes < 60 else { return nil }
    let seconds = hours * 3_600 + minutes * 60
    return isEast ? seconds : -seconds
  }

  /// The zone after a space, up to the end: ` -0700`, ` UTC`, ` -0400 EDT`, and ` m=+0.5`, which Go adds for its own
  /// clock.
  @_lifetime(self: copy self)
  mutating func spacedZone(_ time: inout CalendarTime) -> Bool {
    guard takeSpaces() > 0 else { return isAtEnd }
    let wordStart = offset
    if let seconds = zoneOffset() {
      time.zone = .offset(seconds: seconds)
      guard takeSpaces() > 0 else { return isAtEnd }
      _ = zoneName()
    } else {
      offset = wordStart
      if let name = zoneName() { time.zone = .named(name) }
    }
    if takeSpaces() > 0 || offset == wordStart, take("m"), take("=") { offset = bytes.byteCount }
    return isAtEnd
  }

  /// Capitals, as in `CEST`.
  @_lifetime(self: copy self)
  private mutating func zoneName() -> String? {
    let start = offset
    while let byte = next, byte.isUppercase, offset - start < 5 { offset += 1 }
    guard offset > start, next.map({ $0 == 0x20 }) ?? true else {
      offset = start
      return nil
    }
    return bytes.string(start..<offset)
  }

  /// A month such as `Jan`, as its number.
  @_lifetime(self: copy self)
  mutating func month() -> Int? {
    guard byte(ahead: 2) != nil else { return nil }
    let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
    for month in 0..<12 {
      var isSame = true
      for index in 0..<3 where unsafe bytes[offset + index] != names.utf8Start[month * 3 + index] { isSame = false }
      if isSame {
        offset += 3
        return month + 1
      }
    }
    return nil
  }

  /// `10/Oct/2000:13:55:36 -0700`, as in access logs.
  @_lifetime(self: copy self)
  mutating func accessTime() -> CalendarTime? {
    guard let day = digits(2), take("/"), let month = month(), take("/"), let year = digits(4), take(":") else {
      return nil
    }
    var time = CalendarTime(year: year, month: month, day: day)
    guard clock(&time) else { return nil }
    if take(" ") {
      guard let seconds = zoneOffset() else { return nil }
      time.zone = .offset(seconds: seconds)
    }
    return time
  }

  /// `Oct  1 22:14:15`, as in RFC 3164 and `ctime`.
  @_lifetime(self: copy self)
  mutating func monthDayClock() -> CalendarTime? {
    guard let month = month(), takeSpaces() > 0, let day = number(most: 2), take(" ") else { return nil }
    var time = CalendarTime(month: month, day: day)
    return clock(&time) ? time : nil
  }

  /// `Mon`, and a comma if there is one.
  @_lifetime(self: copy self)
  mutating func weekday() -> Bool {
    let names: [StaticString] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    for name in names where take(word: name) {
      _ = take(",")
      return takeSpaces() > 0
    }
    return false
  }
}
