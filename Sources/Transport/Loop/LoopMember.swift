/// Something that waits for events on a loop. The loop keeps it alive until it is done or the loop stops.
protocol LoopMember: AnyObject {
  /// The loop stops: gives up all events, and notifies its owner of what is lost.
  func loopStops()
}
