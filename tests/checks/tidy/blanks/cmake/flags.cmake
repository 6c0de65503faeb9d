# SPDX-License-Identifier: MIT
set(x 1)  
