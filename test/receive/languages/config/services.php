<?php

return ['webhook' => ['secret' => env('WEBHOOK_SECRET')]];
