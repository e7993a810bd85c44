extension RetentionClock.Doubt {
  /// For the log.
  var words: String {
    let days = ahead.components.seconds / 86_400
    let span = days == 1 ? "a day" : "\(days) days"
    let what =
      isSinceStart
      ? """
      the last entry is \(span) old by the system's clock: either none came for so long, as when the server was down, \
      or the clock was set forward. Which of the two cannot be told, so
      """
      : "the system's clock has jumped forward by \(span):"
    return "\(what) nothing is trimmed by age until the clock has stood there for a day, or is set back"
  }
}
