# ffmpeg makes, encodes and decodes a video; ImageMagick edits a picture.
export LD_LIBRARY_PATH=$(echo /usr/lib/*-linux-gnu/blas):$(echo \
    /usr/lib/*-linux-gnu/lapack)
ff="ffmpeg -nostdin -v error -y -bitexact"
$ff -f lavfi -i testsrc=size=160x120:rate=10:duration=2 -f framemd5 - |
    tail -n 1
$ff -f lavfi -i testsrc=size=160x120:rate=10:duration=2 \
    -f lavfi -i sine=440:duration=2 -c:v mpeg4 -threads 2 -c:a aac v.mp4
ffprobe -v error -show_entries stream=codec_name,nb_frames -of csv v.mp4
$ff -i v.mp4 -c:v libx264 -preset veryfast -threads 2 -an x.mkv
$ff -i x.mkv -f rawvideo - | wc -c
$ff -f lavfi -i sine=440:duration=1 -c:a flac s.flac
$ff -i s.flac -f md5 -
