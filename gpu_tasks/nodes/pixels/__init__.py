"""What nodes do with pixels: functions of pictures (RGB) and masks (L) that change neither.

Colours are taken as they are stored (sRGB, 0 to 255); a half is rounded to the even level.
"""
