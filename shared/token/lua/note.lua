-- Notes that something happened. ARGV: epoch (not looked at), event, version, errcode, by.
event(ARGV[2], 'version', ARGV[3], 'errcode', ARGV[4], 'by', ARGV[5])
