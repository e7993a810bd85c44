/// The day and the clock of a second, computed without the system: for output, where it is asked for with every entry.
struct CivilTime {
  let year: Int
  let month: Int
  let day: Int
  /// Seconds since midnight.
  let clock: Int

  /// - Parameter second: since 1970, in the zone that is meant.
  init(second: Int64) {
    var day = second / 86_400
    var clock = second % 86_400
    if clock < 0 {
      clock += 86_400
      day -= 1
    }
    self.clock = Int(clock)
    // By years that begin in March, in cycles of 400 years of 146,097 days, from the year 0.
    let shifted = Int(day) + 719_468
    let cycle = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfCycle = shifted - cycle * 146_097
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    self.day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0)
  }

  /// Days since 1970, by a calendar whose years begin in March, so that leap days come at the end of a year.
  static func day(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
    let marchYear = month > 2 ? year : year - 1
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return Int64(marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468)
  }
}
