"""A network camera: picture and sound by RTSP, from GStreamer's server.

Runs under Debian's own Python (python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good)
and prints its port: /usr/bin/python3 tests/support/camera.py HZ [PORT]
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_PICTURE = (
    "videotestsrc is-live=true ! video/x-raw,format=I420,width=64,height=64,framerate=5/1 ! jpegenc"
)
_SOUND = "audiotestsrc is-live=true freq={} ! audio/x-raw,rate=48000,channels=1 ! audioconvert"


def main() -> None:
    """Serve /live until killed."""
    Gst.init(None)
    server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
    sound = _SOUND.format(sys.argv[1])
    factory.set_launch(f"( {_PICTURE} ! rtpjpegpay name=pay0  {sound} ! rtpL16pay name=pay1 )")
    factory.set_shared(True)
    server.set_service(sys.argv[2] if len(sys.argv) > 2 else "0")
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
