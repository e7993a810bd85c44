/// Something that waits for events on a loop. The loop keeps it alive until it is done or the loop stops.
protocol LoopMember: AnyObject {
  /// The loop stops: gives up every event, and tells its owner what is lost.
  func loopStops()
}
