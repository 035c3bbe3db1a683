import ArgumentParser
import Reports

/// When text has colours.
enum ColourChoice: String, CaseIterable, ExpressibleByArgument {
  /// On a terminal that has them, unless NO_COLOR is set.
  case auto
  case always
  case never

  /// The environment with this choice made.
  func applied(to environment: CommandEnvironment) -> CommandEnvironment {
    var environment = environment
    if self == .auto { return environment }
    environment.outputStyle.usesColour = self == .always
    environment.errorStyle.usesColour = self == .always
    return environment
  }
}
