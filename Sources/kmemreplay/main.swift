import KmemreplayCLI

CommandRunner.main()
