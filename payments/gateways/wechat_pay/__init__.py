"""WeChat Pay (API v3): Native QR codes and H5."""
