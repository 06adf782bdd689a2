"""Publishing: a station's records told to brokers, web services and monitors."""
